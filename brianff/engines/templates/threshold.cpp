{# What Brian2's own template does, in two passes: the conditions, several at a time, and then the few that hold. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}
{% block extra_headers %}
#include <cstring>
{% endblock %}
{% block maincode %}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    static char _holds[{{owner|length}} + 8];  // read eight at a time
    #pragma GCC ivdep
    for (size_t _idx = 0; _idx < N; _idx++)
    {
        const size_t _vectorisation_idx = _idx;
        {{vector_code|autoindent}}
        _holds[_idx] = _cond ? 1 : 0;
    }
    int32_t _count = 0;
    for (size_t _first = 0; _first < N; _first += 8)
    {
        uint64_t _eight;
        std::memcpy(&_eight, _holds + _first, 8);
        for (; _eight; _eight &= _eight - 1)
            {{_eventspace}}[_count++] = _first + __builtin_ctzll(_eight) / 8;
    }
    {{_eventspace}}[N] = _count;
{% endblock %}

{% block after_code %}
{% set _eventspace = get_array_name(eventspace_variable) %}
{{_eventspace}}[N] = 0;
{% endblock %}
