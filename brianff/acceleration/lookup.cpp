// Piecewise cubic or linear functions of a drive, looked up for every neuron of every presentation. The drive is a sum of two
// rows, that of the image and that of the label, which is not stored. See lookup.py.
#include <cstdint>

namespace {

const int64_t STRIP = 256;  // neurons at a time, whose values stay in the first-level cache

template <class T> struct Segment
{
    const T *coefficients;  // (parts, 2, 4) with breaks, else (parts, 4), or (parts, 2) of straight lines
    const T *breaks;        // (parts), or null
    const int32_t *divided;  // (cells, 2): the first part of each cell, and how many it has; or null
    T low, high, cells_per_drive;
    int32_t cells, degree;
};

template <class T> struct Function
{
    const Segment<T> *segments;  // the first is the one where nearly all drives lie
    int64_t count;
};

template <class T> inline bool inside(const Segment<T> &segment, T drive)
{
    return drive >= segment.low && drive < segment.high;
}

// Write the values of a strip; return for how many the drive lies outside. A loop without branches, for vectors that
// gather: what the segment says is copied, or it might lie where the values are written.
template <bool BREAKS, bool DIVIDED, bool STRAIGHT, class T>
int32_t strip(const Segment<T> &segment, const T *__restrict__ image, const T *__restrict__ label, int64_t count,
              T *__restrict__ values)
{
    const T low = segment.low, high = segment.high, cells_per_drive = segment.cells_per_drive;
    const T *__restrict__ c = segment.coefficients, *__restrict__ breaks = segment.breaks;
    const int32_t *__restrict__ divided = segment.divided;
    const int32_t last = segment.cells - 1;
    int32_t outside = 0;
#pragma GCC ivdep
    for (int64_t j = 0; j < count; j++)
    {
        const T drive = image[j] + label[j];
        outside += 1 - ((drive >= low) & (drive < high));
        const T place = (drive - low) * cells_per_drive;
        int32_t part = (int32_t)place;
        part = part < 0 ? 0 : part;
        part = part > last ? last : part;
        T t = place - (T)part;
        if (DIVIDED)
        {
            const int32_t parts = divided[2 * part + 1];
            t *= (T)parts;
            int32_t within = (int32_t)t;
            within = within < 0 ? 0 : within;
            within = within >= parts ? parts - 1 : within;
            part = divided[2 * part] + within;
            t -= (T)within;
        }
        const int32_t i = (STRAIGHT ? 2 : 4) * (BREAKS ? 2 * part + (drive >= breaks[part]) : part);
        values[j] = c[i] + t * (STRAIGHT ? c[i + 1] : c[i + 1] + t * (c[i + 2] + t * c[i + 3]));
    }
    return outside;
}

template <class T>
inline int32_t any_strip(const Segment<T> &segment, const T *image, const T *label, int64_t count, T *values)
{
    if (segment.degree == 1)
        return strip<false, false, true>(segment, image, label, count, values);
    if (segment.divided)
        return segment.breaks ? strip<true, true, false>(segment, image, label, count, values)
                              : strip<false, true, false>(segment, image, label, count, values);
    return segment.breaks ? strip<true, false, false>(segment, image, label, count, values)
                          : strip<false, false, false>(segment, image, label, count, values);
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

// Write the sum over the neurons of each presentation. Sums of a strip are in single precision, 16 at a time.
template <class T> int32_t sums(const Function<T> &f, const Drives<T> &drives, int64_t begin, int64_t end, double *out)
{
    T buffer[STRIP];
    int32_t lost = 0;
    for (int64_t p = begin; p < end; p++)
    {
        out[p] = 0.0;
        for (int64_t first = 0; first < drives.neurons; first += STRIP)
        {
            const int64_t count = strip_end(first, drives) - first;
            lost |= values_of(f, drives.images + drives.image[p] * drives.neurons + first,
                              drives.labels + drives.label[p] * drives.neurons + first, count, buffer);
            T sum = 0;
            for (int64_t j = 0; j < count; j++)
                sum += buffer[j];
            out[p] += sum;
        }
    }
    return lost;
}

// Add weight x value of the presentations of some images to the rows of the images and to those of the labels.
template <class T> int32_t add(const Function<T> &f, const Drives<T> &drives, int64_t begin, int64_t end,
                               const int64_t *order, const int64_t *starts, const T *weights, T *by_image, T *by_label)
{
    T buffer[STRIP];
    int32_t lost = 0;
    for (int64_t image = begin; image < end; image++)
        for (int64_t first = 0; first < drives.neurons; first += STRIP)
        {
            const int64_t count = strip_end(first, drives) - first;
            T *own = by_image + (image - begin) * drives.neurons + first;
            for (int64_t i = starts[image]; i < starts[image + 1]; i++)
            {
                const int64_t p = order[i];
                const T weight = weights[p];
                if (weight == 0)
                    continue;
                lost |= values_of(f, drives.images + drives.image[p] * drives.neurons + first,
                                  drives.labels + drives.label[p] * drives.neurons + first, count, buffer);
                T *of_label = by_label + drives.label[p] * drives.neurons + first;
                for (int64_t j = 0; j < count; j++)
                {
                    const T change = weight * buffer[j];
                    own[j] += change;
                    of_label[j] += change;
                }
            }
        }
    return lost;
}

}  // namespace

#define EXPORT(T, suffix)                                                                                             \
    extern "C" int32_t values_##suffix(const Function<T> *f, const Drives<T> *drives, int64_t begin, int64_t end,     \
                                       T *out)                                                                        \
    {                                                                                                                 \
        return values(*f, *drives, begin, end, out);                                                                  \
    }                                                                                                                 \
    extern "C" int32_t sums_##suffix(const Function<T> *f, const Drives<T> *drives, int64_t begin, int64_t end,       \
                                     double *out)                                                                     \
    {                                                                                                                 \
        return sums(*f, *drives, begin, end, out);                                                                    \
    }                                                                                                                 \
    extern "C" int32_t add_##suffix(const Function<T> *f, const Drives<T> *drives, int64_t begin, int64_t end,        \
                                    const int64_t *order, const int64_t *starts, const T *weights, T *by_image,       \
                                    T *by_label)                                                                      \
    {                                                                                                                 \
        return add(*f, *drives, begin, end, order, starts, weights, by_image, by_label);                              \
    }

EXPORT(float, single)
EXPORT(double, double)
