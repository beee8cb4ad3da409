// Piecewise cubic functions of a drive, looked up for every neuron of every presentation. The drive is a sum of two
// rows, that of the image and that of the label, which is not stored. See lookup.py.
#include <cstdint>

namespace {

const int64_t STRIP = 256;  // neurons at a time, whose values stay in the first-level cache

template <class T> struct Segment
{
    const T *coefficients;  // (parts, 2, 4) with breaks, else (parts, 4)
    const T *breaks;        // (parts), or null
    const int32_t *divided;  // (cells, 2): the first part of each cell, and how many it has; or null
    T low, high, cells_per_drive;
    int32_t cells;
};

template <class T> struct Function
{
    const Segment<T> *segments;  // the first is the one where nearly all drives lie
    int64_t count;
};

template <bool BREAKS, bool DIVIDED, class T> inline T at(const Segment<T> &segment, T drive)
{
    const T place = (drive - segment.low) * segment.cells_per_drive;
    int32_t part = (int32_t)place;
    part = part < 0 ? 0 : part;
    part = part >= segment.cells ? segment.cells - 1 : part;
    T t = place - (T)part;
    if (DIVIDED)
    {
        const int32_t count = segment.divided[2 * part + 1];
        t *= (T)count;
        int32_t within = (int32_t)t;
        within = within < 0 ? 0 : within;
        within = within >= count ? count - 1 : within;
        part = segment.divided[2 * part] + within;
        t -= (T)within;
    }
    const int32_t piece = BREAKS ? 2 * part + (drive >= segment.breaks[part]) : part;
    const T *c = segment.coefficients;
    return c[4 * piece] + t * (c[4 * piece + 1] + t * (c[4 * piece + 2] + t * c[4 * piece + 3]));
}

template <class T> inline bool inside(const Segment<T> &segment, T drive)
{
    return drive >= segment.low && drive < segment.high;
}

template <bool BREAKS, bool DIVIDED, class T>
inline int32_t strip(const Segment<T> &segment, const T *image, const T *label, int64_t count, T *values)
{
    int32_t outside = 0;
    for (int64_t j = 0; j < count; j++)
    {
        const T drive = image[j] + label[j];
        outside |= !((drive >= segment.low) & (drive < segment.high));
        values[j] = at<BREAKS, DIVIDED>(segment, drive);
    }
    return outside;
}

template <class T>
inline int32_t any_strip(const Segment<T> &segment, const T *image, const T *label, int64_t count, T *values)
{
    if (segment.divided)
        return segment.breaks ? strip<true, true>(segment, image, label, count, values)
                              : strip<false, true>(segment, image, label, count, values);
    return segment.breaks ? strip<true, false>(segment, image, label, count, values)
                          : strip<false, false>(segment, image, label, count, values);
}

// Write the values of a strip; return whether a drive lies outside of all segments.
template <class T> int32_t values_of(const Function<T> &f, const T *image, const T *label, int64_t count, T *values)
{
    if (!any_strip(f.segments[0], image, label, count, values))
        return 0;
    int32_t lost = 0;
    for (int64_t j = 0; j < count; j++)
    {
        const T drive = image[j] + label[j];
        int64_t s = 0;
        while (s < f.count && !inside(f.segments[s], drive))
            s++;
        if (s == f.count)
            lost = 1;
        else if (s > 0)
            any_strip(f.segments[s], image + j, label + j, 1, values + j);
    }
    return lost;
}

template <class T> struct Drives
{
    const T *images, *labels;
    const int64_t *image, *label;  // of each presentation
    int64_t neurons;
};

template <class T> inline int64_t strip_end(int64_t first, const Drives<T> &drives)
{
    return first + STRIP < drives.neurons ? first + STRIP : drives.neurons;
}

template <class T> int32_t values(const Function<T> &f, const Drives<T> &drives, int64_t begin, int64_t end, T *out)
{
    int32_t lost = 0;
    for (int64_t p = begin; p < end; p++)
        for (int64_t first = 0; first < drives.neurons; first += STRIP)
            lost |= values_of(f, drives.images + drives.image[p] * drives.neurons + first,
                              drives.labels + drives.label[p] * drives.neurons + first,
                              strip_end(first, drives) - first, out + p * drives.neurons + first);
    return lost;
}

}  // namespace

#define EXPORT(T, suffix)                                                                                             \
    extern "C" int32_t values_##suffix(const Function<T> *f, const Drives<T> *drives, int64_t begin, int64_t end,     \
                                       T *out)                                                                        \
    {                                                                                                                 \
        return values(*f, *drives, begin, end, out);                                                                  \
    }

EXPORT(float, single)
EXPORT(double, double)
