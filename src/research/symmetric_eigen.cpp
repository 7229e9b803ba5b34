// See the header.
#include "research/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "medgen/error.h"

namespace medgen::research {
namespace {

using Vector = std::vector<double>;

double dot(const double* a, const double* b, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// I - factor v v^T, on the last v.size() of all coordinates.
struct Reflection {
  Vector v;
  double factor = 0;

  void apply(Vector& x) const {
    double* tail = x.data() + (x.size() - v.size());
    const double along = factor * dot(v.data(), tail, v.size());
    for (std::size_t i = 0; i < v.size(); ++i) tail[i] -= along * v[i];
  }
};

// Turns `x` into a multiple of its first coordinate; its new length is returned, with a sign.
double reflection_of(const Vector& x, Reflection& reflection) {
  reflection.v = x;
  const double length = std::sqrt(dot(x.data(), x.data(), x.size()));
  if (length == 0) return 0;
  const double image = x[0] > 0 ? -length : length;
  reflection.v[0] -= image;
  reflection.factor = 2 / dot(reflection.v.data(), reflection.v.data(), x.size());
  return image;
}

struct Tridiagonal {
  Vector diagonal, beside;              // beside[i] is between i and i + 1
  std::vector<Reflection> reflections;  // that led there, in order
};

Tridiagonal tridiagonal(Vector a, std::size_t n) {
  Tridiagonal result;
  for (std::size_t k = 0; k < n; ++k) {
    result.diagonal.push_back(a[k * n + k]);
    if (k + 1 == n) break;
    Reflection reflection;
    const Vector row(a.begin() + static_cast<std::ptrdiff_t>(k * n + k + 1),
                     a.begin() + static_cast<std::ptrdiff_t>(k * n + n));
    result.beside.push_back(reflection_of(row, reflection));
    // The rest becomes H rest H = rest - v w^T - w v^T.
    const Vector& v = reflection.v;
    const std::size_t m = v.size();
    double* rest = a.data() + (k + 1) * n + k + 1;
    Vector w(m);
    for (std::size_t i = 0; i < m; ++i) {
      w[i] = reflection.factor * dot(rest + i * n, v.data(), m);
    }
    const double along = reflection.factor / 2 * dot(v.data(), w.data(), m);
    for (std::size_t i = 0; i < m; ++i) w[i] -= along * v[i];
    for (std::size_t i = 0; i < m; ++i) {
      double* to = rest + i * n;
      for (std::size_t j = 0; j < m; ++j) to[j] -= v[i] * w[j] + w[i] * v[j];
    }
    result.reflections.push_back(std::move(reflection));
  }
  return result;
}

// One QR step on the block first .. last, which falls into no smaller ones. Row i of `vectors` is
// the vector of diagonal[i].
void qr_step(Tridiagonal& t, std::size_t first, std::size_t last, std::vector<Vector>& vectors) {
  Vector &d = t.diagonal, &e = t.beside;
  const double half = (d[last - 1] - d[last]) / 2, corner = e[last - 1];
  const double root = std::copysign(std::sqrt(half * half + corner * corner), half);
  double x = d[first] - (d[last] - corner * corner / (half + root)), bulge = e[first];
  for (std::size_t k = first; k < last; ++k) {
    const double length = std::sqrt(x * x + bulge * bulge);
    const double c = length == 0 ? 1 : x / length, s = length == 0 ? 0 : bulge / length;
    if (k > first) e[k - 1] = length;
    const double upper = d[k], lower = d[k + 1], beside = e[k];
    d[k] = c * c * upper + 2 * c * s * beside + s * s * lower;
    d[k + 1] = s * s * upper - 2 * c * s * beside + c * c * lower;
    e[k] = c * s * (lower - upper) + (c * c - s * s) * beside;
    if (k + 1 < last) {
      x = e[k];
      bulge = s * e[k + 1];
      e[k + 1] *= c;
    }
    double *a = vectors[k].data(), *b = vectors[k + 1].data();
    for (std::size_t i = 0; i < d.size(); ++i) {
      const double kept = c * a[i] + s * b[i];
      b[i] = c * b[i] - s * a[i];
      a[i] = kept;
    }
  }
}

// Until nothing is left beside the diagonal.
void diagonalize(Tridiagonal& t, std::vector<Vector>& vectors) {
  double largest = 0;
  for (const double value : t.diagonal) largest = std::max(largest, std::fabs(value));
  for (const double value : t.beside) largest = std::max(largest, std::fabs(value));
  const double nothing = std::numeric_limits<double>::epsilon() * largest;
  std::size_t steps = 0;
  for (std::size_t last = t.beside.size(); last > 0;) {
    if (std::fabs(t.beside[last - 1]) <= nothing) {
      --last;
      continue;
    }
    std::size_t first = last - 1;
    while (first > 0 && std::fabs(t.beside[first - 1]) > nothing) --first;
    if (++steps > 60 * t.diagonal.size()) {  // about two for each value are usual
      throw Error(ErrorCode::kRuntime, "the eigenvalues of a matrix could not be found");
    }
    qr_step(t, first, last, vectors);
  }
}

}  // namespace

SymmetricEigen leading_eigen(std::vector<double> matrix, std::size_t size, double share) {
  Tridiagonal t = tridiagonal(std::move(matrix), size);
  std::vector<Vector> vectors(size, Vector(size));
  for (std::size_t i = 0; i < size; ++i) vectors[i][i] = 1;
  diagonalize(t, vectors);
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return t.diagonal[a] > t.diagonal[b]; });
  double all = 0, sum = 0;
  for (const double value : t.diagonal) all += std::max(0.0, value);
  SymmetricEigen eigen;
  for (const std::size_t i : order) {
    eigen.values.push_back(t.diagonal[i]);
    if (!(sum < share * all)) continue;
    sum += std::max(0.0, t.diagonal[i]);
    for (auto it = t.reflections.rbegin(); it != t.reflections.rend(); ++it) it->apply(vectors[i]);
    eigen.vectors.push_back(std::move(vectors[i]));
  }
  return eigen;
}

}  // namespace medgen::research
