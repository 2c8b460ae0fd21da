-- The period day by day (UTC), by when the push was decided.
SELECT strftime(epoch_ms(decided_at), '%Y-%m-%d') AS day,
    count(*) AS sent, count_if(delivered) AS delivered, count_if(clicked) AS clicked,
    count_if(orders > 0) AS bought
FROM pushes
GROUP BY day
ORDER BY day;
