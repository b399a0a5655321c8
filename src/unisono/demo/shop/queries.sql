-- name: store_for_till$
-- The store asked for, if it is open for business; else the one that has most different goods on its shelf.
select location.code from location
left join stock on stock.location_id = location.id
left join good on good.id = stock.good_id and good.capacity > 0
where location.kind = 'store' and location.closed_at is null
  and (cast(:wanted as text) is null or location.code = :wanted)
group by location.code
order by count(good.id) desc, location.code
limit 1;
