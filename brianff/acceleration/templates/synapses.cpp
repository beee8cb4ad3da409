{# What Brian2's own template does, for synapses that connect everything and have no delay: the synapses of a unit are a
   row of a matrix, found without a queue, and the compiler can take several at a time. Some rows of a lane are gone along
   together, so that the values of their targets stay in registers. #}
{# USES_VARIABLES { _synaptic_pre, _synaptic_post } #}
{% extends 'common_synapses.cpp' %}
{% block maincode %}
    {% set events = get_array_name(pathway.source.variables[pathway.eventspace_name], access_data=False) %}
    {% set units, neurons, most = pathway.source|length // lanes, pathway.target|length // lanes, 4 %}
    {% set arrays = vector_code|arrays %}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    // The compiler believes that arrays are different ones where they are parameters.
    const auto _along_rows = [=](const int32_t *_sources, int32_t _together
                                 {%- for array in arrays %}, decltype({{array}}) {{array}}{% endfor %})
    {
        const int32_t _lane = *_sources / {{units}};
        {% for together in [most, 1] %}
        if (_together == {{together}})
        {
            #pragma GCC ivdep
            for (int32_t _column = 0; _column < {{neurons}}; _column++)
            {
                const int32_t _target = _lane * {{neurons}} + _column;
                {% for place in range(together) %}
                {
                    const int32_t _source = _sources[{{place}}];
                    const size_t _idx = (size_t)(_source - _lane * {{units}}) * {{neurons}} + _column;
                    const size_t _vectorisation_idx = _idx;
                    {{vector_code|in_rows(_synaptic_pre, _synaptic_post)|autoindent}}
                }
                {% endfor %}
            }
        }
        {% endfor %}
    };
    const int32_t _events = {{events}}[{{pathway.source|length}}];
    for (int32_t _event = 0, _together; _event < _events; _event += _together)
    {
        const int32_t *const _sources = {{events}} + _event;
        const int32_t _last = _event + {{most - 1}};
        _together = _last < _events && {{events}}[_last] / {{units}} == *_sources / {{units}} ? {{most}} : 1;
        _along_rows(_sources, _together{% for array in arrays %}, {{array}}{% endfor %});
    }
{% endblock %}
