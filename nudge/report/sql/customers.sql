-- CRR: of the customers at the start (bought in the preceding period, as long as this one), who
-- bought again in the period. Lost: who did not; silent: who of those did not even come.
WITH start AS (
    SELECT DISTINCT person FROM orders
    WHERE occurred_at >= 2 * getvariable('since') - getvariable('until')
        AND occurred_at < getvariable('since')
), again AS (
    SELECT DISTINCT person FROM orders
    WHERE occurred_at >= getvariable('since') AND occurred_at < getvariable('until')
), came AS (
    SELECT DISTINCT person FROM acts
    WHERE occurred_at >= getvariable('since') AND occurred_at < getvariable('until')
        AND type NOT IN (SELECT unnest(getvariable('passive')))
)
SELECT count(*) AS customers, count(again.person) AS bought_again,
    count(again.person) / nullif(count(*), 0) AS crr,
    count(*) - count(again.person) AS lost,
    1 - count(again.person) / nullif(count(*), 0) AS churn,
    count(*) FILTER (again.person IS NULL AND came.person IS NULL) AS silent,
    (SELECT count(*) FROM again ANTI JOIN start USING (person)) AS new_customers
FROM start LEFT JOIN again USING (person) LEFT JOIN came USING (person);
