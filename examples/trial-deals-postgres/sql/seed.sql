-- What the walkthrough starts from: deals as they were copied from HubSpot, and what accounts did in the product.
-- What is there already stays as it is.
create schema if not exists ods;

-- 500 live deals of trial accounts, 40 deleted ones, 80 of paying accounts. HubSpot has lost the last four of the 500.
create table if not exists ods.hubspot_deals as
select
  case when n < 496 then 7000000001 + n when n < 500 then 9900000001 + n else 7000000001 + n end as deal_id,
  'acc-' || lpad(n::text, 4, '0') as rivery_account_id,
  n >= 500 and n < 540 as isdeleted,
  'Deal of account ' || n as dealname
from generate_series(0, 619) as t(n);

-- About five thousand executions. Accounts 540 and up pay.
create table if not exists ods.river_executions as
select
  'acc-' || lpad(account::text, 4, '0') as rivery_account_id,
  case when account < 540 then 'trial' else 'paying' end as account_type,
  'river-' || account || '-' || (execution % (1 + account % 4)) as river_id,
  'run-' || account || '-' || execution as run_id,
  (array['mysql', 'postgres', 'salesforce', 'google-ads', 'stripe'])[1 + (account + execution) % (1 + account % 5)] as datasource_type,
  timestamp '2026-01-01 00:00:00' + make_interval(hours => account + 7 * execution) as started_at
from generate_series(0, 619) as accounts(account)
cross join generate_series(0, 15) as executions(execution)
where execution < 1 + account % 16;
