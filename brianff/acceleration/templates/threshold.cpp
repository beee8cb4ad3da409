{# What Brian2's own template does, in two passes: the conditions, several at a time, and then where some of them hold. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}
{% block extra_headers %}
#include <algorithm>
#include <cstring>
{% endblock %}
{% block maincode %}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    static const char _none[64] = {};
    static char _holds[{{owner|length}} + sizeof _none];  // read so many at a time
    #pragma GCC ivdep
    for (size_t _idx = 0; _idx < N; _idx++)
    {
        const size_t _vectorisation_idx = _idx;
        {{vector_code|autoindent}}
        _holds[_idx] = _cond ? 1 : 0;
    }
    int32_t _count = 0;
    for (size_t _first = 0; _first < N; _first += sizeof _none)
        if (std::memcmp(_holds + _first, _none, sizeof _none) != 0)
            for (size_t _idx = _first; _idx < std::min(_first + sizeof _none, (size_t)N); _idx++)
            {
                {{_eventspace}}[_count] = _idx;
                _count += _holds[_idx];
            }
    {{_eventspace}}[N] = _count;
{% endblock %}

{% block after_code %}
{% set _eventspace = get_array_name(eventspace_variable) %}
{{_eventspace}}[N] = 0;
{% endblock %}
