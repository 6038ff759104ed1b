"""The dashboards: built here as saved objects, checked without a Kibana, imported into one."""
