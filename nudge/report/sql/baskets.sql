-- The period's orders.
SELECT currency, count(*) AS orders, count(DISTINCT person) AS customers,
    sum(value) AS value, sum(refunded) AS refunded, sum(value - refunded) AS net,
    round(avg(value))::BIGINT AS basket, round(median(value))::BIGINT AS median_basket,
    avg(pieces) AS pieces
FROM orders
WHERE occurred_at >= getvariable('since') AND occurred_at < getvariable('until')
GROUP BY currency
ORDER BY orders DESC, currency;
