// Functions of two drives that are bicubic between curves, looked up for every neuron of every presentation. Each drive is a
// sum of two rows, that of the image and that of the label of its event, which is not stored. See surfaces.py.
#include <cmath>
#include <cstdint>

namespace {

const int64_t STRIP = 256;  // neurons at a time, whose values stay in the first-level cache

template <class T> struct Patch
{
    const T *curves;  // (rows + 1, strips - 1, 2)
    const T *nodes;  // of each strip: (rows + 1, columns + 1, 4)
    const int32_t *starts, *columns;  // of each strip
    T low, high;
    int32_t rows, strips;
};

template <class T> struct Surface
{
    const Patch<T> *patches;
    T low[2], high[2], first, last;  // domain; places of the second drive at which it begins and ends
    int32_t count;
};

template <class T> struct Drives
{
    const T *images, *labels;
    const int64_t *image, *label;  // of each presentation
    int64_t neurons;
};

template <class T> struct Function
{
    const Surface<T> *surfaces;  // the first is the one where nearly all drives lie
    int64_t count;
};

template <class T> inline T warped(T drive)
{
    const T size = std::fabs(drive) * (T)4;
    return std::copysign(std::log(size + std::sqrt(size * size + (T)1)), drive);
}

template <class T> inline bool inside(const Surface<T> &f, T first, T second)
{
    return first >= f.low[0] && first < f.high[0] && second >= f.low[1] && second < f.high[1];
}

template <class T> inline T value_at(const Surface<T> &f, T x, T y)
{
    int32_t p = 0;
    while (p + 1 < f.count && x >= f.patches[p].high)
        p++;
    const Patch<T> &patch = f.patches[p];
    T t = (x - patch.low) / (patch.high - patch.low) * (T)patch.rows;
    int32_t i = (int32_t)t;
    i = i < 0 ? 0 : (i >= patch.rows ? patch.rows - 1 : i);
    t -= (T)i;
    const T s = 1 - t;
    const T a0 = s * s * (1 + 2 * t), a1 = t * s * s, b0 = t * t * (3 - 2 * t), b1 = -t * t * s;
    int32_t strip = 0;
    T begin = f.first, end = f.last;
    const int32_t curves = patch.strips - 1;
    const T *c = patch.curves + 2 * i * curves, *d = c + 2 * curves;
    for (; strip < curves; strip++)
    {
        const T curve = a0 * c[2 * strip] + a1 * c[2 * strip + 1] + b0 * d[2 * strip] + b1 * d[2 * strip + 1];
        if (y < curve)
        {
            end = curve;
            break;
        }
        begin = curve;
    }
    const int32_t columns = patch.columns[strip];
    T u = (y - begin) / (end - begin) * (T)columns;
    int32_t k = (int32_t)u;
    k = k < 0 ? 0 : (k >= columns ? columns - 1 : k);
    u -= (T)k;
    const T v = 1 - u;
    const T p0 = v * v * (1 + 2 * u), p1 = u * v * v, q0 = u * u * (3 - 2 * u), q1 = -u * u * v;
    const T *n = patch.nodes + patch.starts[strip] + 4 * ((int64_t)i * (columns + 1) + k), *m = n + 4 * (columns + 1);
    return a0 * (p0 * n[0] + p1 * n[2] + q0 * n[4] + q1 * n[6]) + a1 * (p0 * n[1] + p1 * n[3] + q0 * n[5] + q1 * n[7])
           + b0 * (p0 * m[0] + p1 * m[2] + q0 * m[4] + q1 * m[6]) + b1 * (p0 * m[1] + p1 * m[3] + q0 * m[5] + q1 * m[7]);
}

// Write the values of a strip of neurons of a presentation; return whether a pair of drives lies outside of all surfaces.
template <class T>
int32_t values_of(const Function<T> &f, const Drives<T> *const drives[2], int64_t p, int64_t first, int64_t count, T *values)
{
    T drive[2][STRIP], place[2][STRIP];
    for (int e = 0; e < 2; e++)
    {
        const Drives<T> &own = *drives[e];
        const T *image = own.images + own.image[p] * own.neurons + first, *label = own.labels + own.label[p] * own.neurons + first;
        for (int64_t j = 0; j < count; j++)
        {
            drive[e][j] = image[j] + label[j];
            place[e][j] = warped(drive[e][j]);
        }
    }
    int32_t lost = 0;
    for (int64_t j = 0; j < count; j++)
    {
        int64_t s = 0;
        while (s < f.count && !inside(f.surfaces[s], drive[0][j], drive[1][j]))
            s++;
        if (s == f.count)
        {
            lost = 1;
            continue;
        }
        values[j] = value_at(f.surfaces[s], place[0][j], place[1][j]);
        lost |= values[j] != values[j];
    }
    return lost;
}

inline int64_t strip_size(int64_t first, int64_t neurons) { return first + STRIP < neurons ? STRIP : neurons - first; }

template <class T>
int32_t values(const Function<T> &f, const Drives<T> *const drives[2], int64_t begin, int64_t end, T *out)
{
    const int64_t neurons = drives[0]->neurons;
    int32_t lost = 0;
    for (int64_t p = begin; p < end; p++)
        for (int64_t first = 0; first < neurons; first += STRIP)
            lost |= values_of(f, drives, p, first, strip_size(first, neurons), out + p * neurons + first);
    return lost;
}

template <class T>
int32_t sums(const Function<T> &f, const Drives<T> *const drives[2], int64_t begin, int64_t end, double *out)
{
    const int64_t neurons = drives[0]->neurons;
    T buffer[STRIP];
    int32_t lost = 0;
    for (int64_t p = begin; p < end; p++)
    {
        out[p] = 0.0;
        for (int64_t first = 0; first < neurons; first += STRIP)
        {
            const int64_t count = strip_size(first, neurons);
            lost |= values_of(f, drives, p, first, count, buffer);
            for (int64_t j = 0; j < count; j++)
                out[p] += buffer[j];
        }
    }
    return lost;
}

// Add weight x value of the presentations of some images of an event to the rows of the images and to those of its labels.
template <class T>
int32_t add(const Function<T> &f, const Drives<T> *const drives[2], int64_t begin, int64_t end, int64_t event,
            const int64_t *order, const int64_t *starts, const T *weights, T *by_image, T *by_label)
{
    const int64_t neurons = drives[0]->neurons;
    T buffer[STRIP];
    int32_t lost = 0;
    for (int64_t image = begin; image < end; image++)
        for (int64_t i = starts[image]; i < starts[image + 1]; i++)
        {
            const int64_t p = order[i];
            const T weight = weights[p];
            if (weight == 0)
                continue;
            T *own = by_image + (image - begin) * neurons, *of_label = by_label + drives[event]->label[p] * neurons;
            for (int64_t first = 0; first < neurons; first += STRIP)
            {
                const int64_t count = strip_size(first, neurons);
                lost |= values_of(f, drives, p, first, count, buffer);
                for (int64_t j = 0; j < count; j++)
                {
                    own[first + j] += weight * buffer[j];
                    of_label[first + j] += weight * buffer[j];
                }
            }
        }
    return lost;
}

}  // namespace

#define EXPORT(T, suffix)                                                                                             \
    extern "C" int32_t values_##suffix(const Surface<T> *f, int64_t count, const Drives<T> *first,                    \
                                       const Drives<T> *second, int64_t begin, int64_t end, T *out)                   \
    {                                                                                                                 \
        const Drives<T> *const drives[2] = {first, second};                                                           \
        return values(Function<T>{f, count}, drives, begin, end, out);                                                \
    }                                                                                                                 \
    extern "C" int32_t sums_##suffix(const Surface<T> *f, int64_t count, const Drives<T> *first,                      \
                                     const Drives<T> *second, int64_t begin, int64_t end, double *out)                \
    {                                                                                                                 \
        const Drives<T> *const drives[2] = {first, second};                                                           \
        return sums(Function<T>{f, count}, drives, begin, end, out);                                                  \
    }                                                                                                                 \
    extern "C" int32_t add_##suffix(const Surface<T> *f, int64_t count, const Drives<T> *first,                       \
                                    const Drives<T> *second, int64_t begin, int64_t end, int64_t event,               \
                                    const int64_t *order, const int64_t *starts, const T *weights, T *by_image,       \
                                    T *by_label)                                                                      \
    {                                                                                                                 \
        const Drives<T> *const drives[2] = {first, second};                                                           \
        return add(Function<T>{f, count}, drives, begin, end, event, order, starts, weights, by_image, by_label);     \
    }

EXPORT(float, single)
EXPORT(double, double)
