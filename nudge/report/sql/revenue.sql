-- What was ordered after a push: the last one clicked within the window, else (apart) the last seen.
SELECT scenario, currency,
    count(*) FILTER (touch = 'click') AS orders,
    coalesce(sum(value) FILTER (touch = 'click'), 0) AS value,
    coalesce(sum(credit.refunded) FILTER (touch = 'click'), 0) AS refunded,
    coalesce(sum(value - credit.refunded) FILTER (touch = 'click'), 0) AS net,
    count(*) FILTER (touch = 'view') AS orders_seen,
    coalesce(sum(value - credit.refunded) FILTER (touch = 'view'), 0) AS net_seen
FROM credits AS credit JOIN pushes USING (job_id)
GROUP BY scenario, currency
ORDER BY currency, net DESC, scenario;
