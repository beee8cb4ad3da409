{# What Brian2's own template does, for synapses that connect everything and have no delay: the synapses of a unit are a
   row of a matrix, found without a queue, and the compiler can take several at a time. Same order, same results. #}
{# USES_VARIABLES { _synaptic_pre, _synaptic_post } #}
{% extends 'common_synapses.cpp' %}
{% block maincode %}
    {% set events = get_array_name(pathway.source.variables[pathway.eventspace_name], access_data=False) %}
    {% set units, neurons = pathway.source|length // lanes, pathway.target|length // lanes %}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    const int32_t _events = {{events}}[{{pathway.source|length}}];
    for (int32_t _event = 0; _event < _events; _event++)
    {
        const int32_t _source = {{events}}[_event];
        const int32_t _lane = _source / {{units}};
        const size_t _row = (size_t)(_source - _lane * {{units}}) * {{neurons}};
        #pragma GCC ivdep
        for (int32_t _column = 0; _column < {{neurons}}; _column++)
        {
            const int32_t _target = _lane * {{neurons}} + _column;
            const size_t _idx = _row + _column;
            const size_t _vectorisation_idx = _idx;
            {{vector_code|in_rows(_synaptic_pre, _synaptic_post)|autoindent}}
        }
    }
{% endblock %}
