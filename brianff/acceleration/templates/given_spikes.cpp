{# In place of a threshold: the spikes of each step come from standard input, their number before them. #}
{# USES_VARIABLES { N } #}
{% extends 'threshold.cpp' %}
{% block extra_headers %}
#include <cstdio>
#include <cstdlib>
{% endblock %}
{% block maincode %}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    int32_t &_count = {{_eventspace}}[N];
    if (std::fread(&_count, sizeof _count, 1, stdin) != 1
        || std::fread({{_eventspace}}, sizeof _count, _count, stdin) != (size_t)_count)
    {
        std::cerr << "the spikes end before the run" << std::endl;
        std::exit(1);
    }
{% endblock %}
