{# Brian2's own template, for several steps: some neurons after the other go through all of them, in the cache. #}
{# ITERATE_ALL { _idx } #}
{# USES_VARIABLES { N, time_course } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    cdef _numpy.ndarray _courses = _namespace["_time_courses"]
    cdef {{cpp_dtype(variables['time_course'].dtype)}}* _course = <{{cpp_dtype(variables['time_course'].dtype)}}*>_courses.data
    cdef size_t _steps = len(_courses)
    cdef size_t _step
    cdef size_t _first
    cdef size_t _last
    with _cython.cdivision(True):
        for _first in range(0, N, {{neurons_together}}):
            _last = min(_first + {{neurons_together}}, N)
            for _step in range(_steps):
                {{time_course}} = _course[_step]
                _vectorisation_idx = 1
                {{scalar_code|autoindent}}
                for _idx in range(_first, _last):
                    _vectorisation_idx = _idx
                    {{vector_code|autoindent}}
{% endblock %}
