{# Nothing is queued: see synapses.cpp. #}
{% extends 'common_group.cpp' %}
