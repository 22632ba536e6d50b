select deal_id, object_construct('rivery_num_of_rivers', rivery_num_of_rivers, 'rivery_executions', rivery_executions,
  'rivery_data_sources', rivery_data_sources) as property_values
from "INTERNAL"."AUTOMATION"."TRIAL_DEALS_PROPERTIES"
group by deal_id, rivery_num_of_rivers, rivery_executions, rivery_data_sources
