-- What a customer has brought since the data begin, refunds taken off.
WITH each AS (
    SELECT currency, person, sum(value - refunded) AS net, count(*) AS orders
    FROM orders WHERE occurred_at < getvariable('until') GROUP BY currency, person
)
SELECT currency, count(*) AS customers, round(avg(net))::BIGINT AS ltv,
    round(median(net))::BIGINT AS median_ltv, avg(orders) AS orders
FROM each
GROUP BY currency
ORDER BY customers DESC, currency;
