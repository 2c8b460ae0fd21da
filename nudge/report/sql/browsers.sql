-- How far messages came, by browser: one message to two browsers counts at each.
WITH reached AS (
    SELECT job_id, subscription_id, bool_or(outcome = 'delivered') AS delivered,
        false AS displayed, false AS clicked
    FROM results GROUP BY ALL
    UNION ALL
    SELECT job_id, subscription_id, false, true, bool_or(type = 'clicked')
    FROM interactions GROUP BY ALL
), devices AS (
    SELECT job_id, subscription_id, bool_or(delivered OR displayed) AS delivered,
        bool_or(displayed) AS displayed, bool_or(clicked) AS clicked
    FROM reached GROUP BY ALL
), last_click AS (
    SELECT job_id, arg_max(subscription_id, occurred_at) AS subscription_id
    FROM interactions WHERE type = 'clicked' GROUP BY job_id
)
SELECT
    CASE WHEN push.channel = 'onsite' THEN 'on the page' ELSE coalesce(browser, 'unknown') END
        AS browser,
    count(*) AS sent, count_if(device.delivered) AS delivered,
    count_if(device.displayed) AS displayed, count_if(device.clicked) AS clicked,
    count_if(last_click.job_id IS NOT NULL AND orders > 0) AS bought,
    count_if(device.clicked) / nullif(count_if(device.delivered), 0) AS ctr
FROM pushes AS push
JOIN devices AS device USING (job_id)
LEFT JOIN browsers USING (subscription_id)
LEFT JOIN last_click
    ON last_click.job_id = push.job_id AND last_click.subscription_id = device.subscription_id
GROUP BY 1
ORDER BY sent DESC, 1;
