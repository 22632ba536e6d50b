select deals.deal_id, runs.rivery_account_id, runs.rivery_num_of_rivers, runs.rivery_executions, runs.rivery_data_sources
from ods.hubspot_deals deals
inner join (select rivery_account_id, count(distinct river_id) as rivery_num_of_rivers, count(distinct run_id) as rivery_executions,
                   count(distinct datasource_type) as rivery_data_sources
            from ods.river_executions where account_type = 'trial' group by rivery_account_id) runs
  on deals.rivery_account_id = runs.rivery_account_id
where not deals.isdeleted;
