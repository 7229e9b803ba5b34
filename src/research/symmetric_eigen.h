// Eigenvalues and eigenvectors of symmetric matrices by plain arithmetic in a fixed order: the same
// bits on every processor, which LAPACK's do not promise.
#pragma once

#include <cstddef>
#include <vector>

namespace medgen::research {

struct SymmetricEigen {
  std::vector<double> values;                // descending
  std::vector<std::vector<double>> vectors;  // of each value, of length 1
};

// Of a symmetric matrix [size, size]. The vectors of only so many of the largest values as it takes
// for their sum to reach `share` (above 0, at most 1) of the sum of all that are positive.
// Householder's reduction to three diagonals, then QR steps with Wilkinson's shift (Golub and Van
// Loan, "Matrix computations", 4th edition, 8.3).
SymmetricEigen leading_eigen(std::vector<double> matrix, std::size_t size, double share);

}  // namespace medgen::research
