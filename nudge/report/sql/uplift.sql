-- Who got a message against who would have: bought within the window of the first one?
WITH measured AS (
    SELECT DISTINCT scenario FROM finals WHERE outcome = 'withheld' AND would_have = 'sent'
), told AS (
    SELECT scenario, person, final.outcome = 'withheld' AS held, min(final.decided_at) AS began
    FROM finals AS final LEFT JOIN pushes AS push USING (job_id, scenario, person)
    JOIN measured USING (scenario)
    WHERE (final.outcome = 'withheld' AND would_have = 'sent')
        OR (final.outcome = 'sent' AND coalesce(message_class, 'marketing') = 'marketing')
    GROUP BY ALL
), both_ways AS (
    SELECT * FROM told
    UNION ALL
    SELECT 'all', person, held, min(began) FROM told GROUP BY person, held
), grouped AS (
    -- A visitor in the holdout who became a user outside it, or the other way, compares nothing.
    SELECT * FROM both_ways QUALIFY count(*) OVER (PARTITION BY scenario, person) = 1
), judged AS (
    SELECT *, EXISTS (
        FROM orders WHERE orders.person = grouped.person
            AND orders.occurred_at >= began AND orders.occurred_at < began + getvariable('attribution')
    ) AS bought
    FROM grouped
)
SELECT scenario,
    count_if(NOT held) AS messaged, count_if(NOT held AND bought) AS messaged_bought,
    count_if(held) AS held_out, count_if(held AND bought) AS held_out_bought
FROM judged
GROUP BY scenario
ORDER BY scenario <> 'all', messaged DESC, scenario;
