-- What people answered to each question for permission, by its name: each person once a question,
-- who was asked in the period. A browser's own question may come without ours before it (a button).
WITH steps AS (
    SELECT prompt, person, list(DISTINCT step) AS taken
    FROM acts
    WHERE type = 'push_prompt'
        AND occurred_at >= getvariable('since') AND occurred_at < getvariable('until')
    GROUP BY prompt, person
)
SELECT prompt, count(*) AS asked,
    count_if(list_contains(taken, 'accepted')) AS accepted,
    count_if(list_contains(taken, 'declined')) AS declined,
    count_if(list_contains(taken, 'granted')) AS granted,
    count_if(list_contains(taken, 'denied')) AS denied,
    count_if(list_contains(taken, 'dismissed')) AS dismissed,
    count_if(list_contains(taken, 'granted')) / count(*) AS opt_in
FROM steps
GROUP BY prompt
ORDER BY asked DESC, prompt;
