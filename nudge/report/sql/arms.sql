-- Each arm of a scenario: how its words did.
SELECT scenario, arm, count(DISTINCT person) AS people, count(*) AS sent,
    count_if(delivered) AS delivered, count_if(clicked) AS clicked,
    count_if(orders > 0) AS bought,
    count_if(clicked) / nullif(count_if(delivered), 0) AS ctr,
    count_if(orders > 0) / nullif(count_if(delivered), 0) AS conversion
FROM pushes
WHERE arm IS NOT NULL
GROUP BY scenario, arm
ORDER BY scenario, arm;
