select deal_id, jsonb_build_object('rivery_num_of_rivers', rivery_num_of_rivers, 'rivery_executions', rivery_executions,
  'rivery_data_sources', rivery_data_sources) as property_values
from automation.trial_deals_properties
group by deal_id, rivery_num_of_rivers, rivery_executions, rivery_data_sources
