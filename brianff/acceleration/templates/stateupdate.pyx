{# Brian2's own template, without Python's lock: threads can share the elements. #}
{# ITERATE_ALL { _idx } #}
{# USES_VARIABLES { N } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    with _cython.cdivision(True), nogil:
        _vectorisation_idx = 1
        {{scalar_code|autoindent}}
        for _idx in range(N):
            _vectorisation_idx = _idx
            {{vector_code|autoindent}}
{% endblock %}
