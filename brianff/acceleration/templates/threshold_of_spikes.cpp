{# An event that can happen to units at their spikes only: its condition is looked at for those that spike. #}
{# USES_VARIABLES { N } #}
{% extends 'threshold.cpp' %}
{% block maincode %}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    {% set _spikes = get_array_name(owner.variables['_spikespace'], access_data=False) %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    int32_t _count = 0;
    for (int32_t _spike = 0; _spike < {{_spikes}}[N]; _spike++)
    {
        const size_t _idx = {{_spikes}}[_spike];
        const size_t _vectorisation_idx = _idx;
        {{vector_code|autoindent}}
        if (_cond)
            {{_eventspace}}[_count++] = _idx;
    }
    {{_eventspace}}[N] = _count;
{% endblock %}
