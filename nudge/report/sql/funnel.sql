-- How far messages came, by scenario.
WITH decided AS (
    SELECT scenario, count(*) AS decided FROM finals GROUP BY scenario
), sent AS (
    SELECT scenario, count(*) AS sent, count_if(delivered) AS delivered,
        count_if(displayed) AS displayed, count_if(clicked) AS clicked,
        count_if(orders > 0) AS bought
    FROM pushes GROUP BY scenario
)
SELECT scenario, decided,
    coalesce(sent, 0) AS sent, coalesce(delivered, 0) AS delivered,
    coalesce(displayed, 0) AS displayed, coalesce(clicked, 0) AS clicked,
    coalesce(bought, 0) AS bought,
    clicked / nullif(delivered, 0) AS ctr,
    bought / nullif(delivered, 0) AS conversion
FROM decided LEFT JOIN sent USING (scenario)
ORDER BY sent DESC, decided DESC, scenario;
