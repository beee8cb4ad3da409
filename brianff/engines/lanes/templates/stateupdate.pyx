{# Brian2's own template, for several steps: lane after lane goes through all of them, in the first-level cache. #}
{# ITERATE_ALL { _idx } #}
{# USES_VARIABLES { N } #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.pyx' %}

{% block maincode %}
    {% set real = cpp_dtype(variables[started|select('in', variables)|first].dtype) %}
    {% for name, type in [('courses', real), ('starts', real), ('image_drives', real), ('label_drives', real),
                          ('images', 'int64_t'), ('labels', 'int64_t'), ('timing', 'int64_t')] %}
    cdef _numpy.ndarray _{{name}}_array = _namespace['_{{name}}']
    cdef {{type}}* _{{name}} = <{{type}}*>_{{name}}_array.data
    {% endfor %}
    cdef size_t _steps = _courses_array.shape[1]
    cdef size_t _neurons = _starts_array.shape[1]
    cdef bool _begin = len(_images_array) > 0
    cdef size_t _lane
    cdef size_t _offset
    cdef size_t _first
    cdef size_t _last
    cdef size_t _step
    cdef {{real}}* _course
    cdef {{real}}* _image_drive
    cdef {{real}}* _label_drive
    with _cython.cdivision(True), nogil:
        for _lane in range(N // _neurons):
            _course = _courses + _timing[_lane] * _steps * {{courses|length}}
            for _offset in range(0, _neurons, {{neurons_together}}):
                _first = _lane * _neurons + _offset
                _last = _first + min({{neurons_together}}, _neurons - _offset)
                if _begin:
                    {% for name in started if name in variables %}
                    for _idx in range(_first, _last):
                        {{get_array_name(variables[name])}}[_idx] = _starts[{{loop.index0}} * _neurons + _offset + _idx - _first]
                    {% endfor %}
                    {% for name in drives if name in variables %}
                    _image_drive = _image_drives + _images[_lane * {{drives|length}} + {{loop.index0}}] * _neurons + _offset
                    _label_drive = _label_drives + _labels[_lane * {{drives|length}} + {{loop.index0}}] * _neurons + _offset
                    for _idx in range(_first, _last):
                        {{get_array_name(variables[name])}}[_idx] = _image_drive[_idx - _first] + _label_drive[_idx - _first]
                    {% endfor %}
                for _step in range(_steps):
                    {% for name in courses %}
                    {% if name in variables %}
                    {{get_array_name(variables[name])}}[0] = _course[_step * {{courses|length}} + {{loop.index0}}]
                    {% endif %}
                    {% endfor %}
                    _vectorisation_idx = 1
                    {{scalar_code|autoindent}}
                    for _idx in range(_first, _last):
                        _vectorisation_idx = _idx
                        {{vector_code|autoindent}}
{% endblock %}
