// Functions of two drives that are bicubic between curves, looked up for every neuron of every presentation. Each drive is a
// sum of two rows, that of the image and that of the label of its event, which is not stored. See surfaces.py.
#include <cmath>
#include <cstdint>

namespace {

const int64_t STRIP = 256;  // neurons at a time, whose values stay in the first-level cache

template <class T> struct Surface
{
    const T *highs, *lows, *scales;  // of each patch: where it ends and begins, rows per place
    const int32_t *rows, *first_row;  // of each patch
    const T *curves;  // (all rows, most curves, 2): those that a patch does not have lie beyond all places
    const int32_t *starts, *columns;  // (patches, most curves + 1): of each strip
    const T *nodes;  // of each strip: (rows + 1, columns + 1, 4)
    T low[2], high[2], first, last;  // domain; places of the second drive at which it begins and ends
    int32_t patches, most_curves;
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
    return (first >= f.low[0]) & (first < f.high[0]) & (second >= f.low[1]) & (second < f.high[1]);
}

// The value at each of some places, each step for all places before the next: that leaves no branch but loops.
template <class T> void values_at(const Surface<T> &f, const T *x, const T *y, int64_t count, T *values)
{
    int32_t patch[STRIP], row[STRIP], strip[STRIP], node[STRIP], columns[STRIP];
    T a[2][STRIP], b[2][STRIP], begin[STRIP], end[STRIP], along[STRIP];
    for (int64_t j = 0; j < count; j++)
        patch[j] = 0;
    for (int32_t p = 0; p + 1 < f.patches; p++)
        for (int64_t j = 0; j < count; j++)
            patch[j] += x[j] >= f.highs[p];
    for (int64_t j = 0; j < count; j++)
    {
        const int32_t p = patch[j], rows = f.rows[p];
        T t = (x[j] - f.lows[p]) * f.scales[p];
        int32_t i = (int32_t)t;
        i = i < 0 ? 0 : (i >= rows ? rows - 1 : i);
        t -= (T)i;
        const T s = 1 - t;
        a[0][j] = s * s * (1 + 2 * t);
        a[1][j] = t * s * s;
        b[0][j] = t * t * (3 - 2 * t);
        b[1][j] = -t * t * s;
        row[j] = i;
        strip[j] = 0;
        begin[j] = f.first;
        end[j] = f.last;
    }
    const int32_t most = f.most_curves;
    for (int32_t c = 0; c < most; c++)
        for (int64_t j = 0; j < count; j++)
        {
            const int32_t at = 2 * ((f.first_row[patch[j]] + row[j]) * most + c);
            const T curve = a[0][j] * f.curves[at] + a[1][j] * f.curves[at + 1] + b[0][j] * f.curves[at + 2 * most]
                            + b[1][j] * f.curves[at + 2 * most + 1];
            const bool before = strip[j] == c, beyond = before & (y[j] >= curve);
            begin[j] = beyond ? curve : begin[j];
            end[j] = before & !beyond & (curve < f.last) ? curve : end[j];
            strip[j] += beyond;
        }
    for (int64_t j = 0; j < count; j++)
    {
        const int32_t own = patch[j] * (most + 1) + strip[j], size = f.columns[own];
        const T u = (y[j] - begin[j]) / (end[j] - begin[j]) * (T)size;
        int32_t k = (int32_t)u;
        k = k < 0 ? 0 : (k >= size ? size - 1 : k);
        along[j] = u - (T)k;
        columns[j] = 4 * (size + 1);
        node[j] = f.starts[own] + row[j] * columns[j] + 4 * k;
    }
    for (int64_t j = 0; j < count; j++)
    {
        const T *n = f.nodes + node[j], *m = n + columns[j];
        const T u = along[j], v = 1 - u;
        const T across[4] = {v * v * (1 + 2 * u), u * v * v, u * u * (3 - 2 * u), -u * u * v};
        T parts[8], sum = 0;
        for (int k = 0; k < 8; k++)
            parts[k] = (n[k] * a[k % 2][j] + m[k] * b[k % 2][j]) * across[k / 2];
        for (int k = 0; k < 8; k++)
            sum += parts[k];
        values[j] = sum;
    }
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
    values_at(f.surfaces[0], place[0], place[1], count, values);
    int32_t beyond = 0, lost = 0;
    for (int64_t j = 0; j < count; j++)
        beyond |= !inside(f.surfaces[0], drive[0][j], drive[1][j]);
    for (int64_t j = 0; beyond && j < count; j++)
    {
        int64_t s = 0;
        while (s < f.count && !inside(f.surfaces[s], drive[0][j], drive[1][j]))
            s++;
        lost |= s == f.count;
        if (s > 0 && s < f.count)
            values_at(f.surfaces[s], place[0] + j, place[1] + j, 1, values + j);
    }
    for (int64_t j = 0; j < count; j++)
        lost |= values[j] != values[j];
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
