{# What Brian2's own template does, for synapses in the order of their sources, one for each, and of their targets: those
   of a target lie side by side, and the compiler can add several at a time. #}
{# USES_VARIABLES { N_incoming, _synaptic_pre } #}
{% extends 'common_group.cpp' %}
{% block maincode %}
    {% set _targets = constant_or_scalar(_target_size_name, variables[_target_size_name]) %}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    size_t _first = 0;
    for (int32_t _target_idx = 0; _target_idx < {{_targets}}; _target_idx++)
    {
        const size_t _last = _first + {{N_incoming}}[_target_idx];
        {{c_data_type(_target_var.dtype)}} _sum = 0;
        for (size_t _idx = _first; _idx < _last; _idx++)
        {
            const size_t _vectorisation_idx = _idx;
            {{vector_code|in_order(_synaptic_pre)|autoindent}}
            _sum += _synaptic_var;
        }
        {{get_array_name(_target_var)}}[_target_idx + {{_target_start}}] = _sum;
        _first = _last;
    }
{% endblock %}
