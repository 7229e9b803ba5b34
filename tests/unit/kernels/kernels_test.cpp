// Every instruction set that this machine has gives the bits of the scalar kernels, and those agree
// with formulas computed in double. An instruction set that is missing is skipped by name.
#include "kernels/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "bundle/half.h"
#include "unit/kernels/each_table.h"

namespace medgen::kernels {
namespace {

std::vector<float> normal(std::size_t count, unsigned seed, float scale = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> distribution(0, scale);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(engine);
  return values;
}

class KernelsTest : public EachTable {};

INSTANTIATE_TEST_SUITE_P(Isa, KernelsTest, kTableNames,
                         [](const auto& test) { return test.param; });

// A matrix in every form, and inputs for it.
struct Problem {
  Problem(int rows_in, int k_in, int n_in, unsigned seed, int q_max_in = 127)
      : rows(rows_in), k(k_in), n(n_in), q_max(q_max_in) {
    n_padded = (n + 15) / 16 * 16;
    k_padded = (k + kInt8Block - 1) / kInt8Block * kInt8Block;
    w = normal(static_cast<std::size_t>(k * n), seed, 0.1F);
    x = normal(static_cast<std::size_t>(rows * k), seed + 1);
    bias = normal(static_cast<std::size_t>(n_padded), seed + 2);
    y_before = normal(static_cast<std::size_t>(rows * n), seed + 3);
    input_scale = normal(static_cast<std::size_t>(k), seed + 4);
    for (float& s : input_scale) s = 0.5F + std::fabs(s);
    column_scale.assign(static_cast<std::size_t>(n_padded), 0.0F);
    column_sum.assign(static_cast<std::size_t>(n_padded), 0);
    fp32.assign(static_cast<std::size_t>(n_padded * k), 0.0F);
    bf16.assign(fp32.size(), 0);
    int8.assign(static_cast<std::size_t>(n_padded) * static_cast<std::size_t>(k_padded), 0);
    std::mt19937 engine(seed + 5);
    for (int c = 0; c < n; ++c) {
      column_scale[at(c)] = 0.001F * static_cast<float>(1 + c % 7);
      for (int i = 0; i < k; ++i) {
        fp32[at(c / 16 * 16 * k + i * 16 + c % 16)] = w[at(i * n + c)];
        bf16[at(c / 16 * 16 * k + i * 16 + c % 16)] = bundle::float_to_bfloat16(w[at(i * n + c)]);
        // Extremes on purpose, so that an accumulator too narrow shows.
        const int q =
            c % 3 == 0 ? (i % 2 == 0 ? 127 : -127) : static_cast<int>(engine() % 255) - 127;
        int8[at(c / 16 * 16 * k_padded + i / 4 * 64 + c % 16 * 4 + i % 4)] =
            static_cast<std::int8_t>(q);
        column_sum[at(c)] += q;
      }
    }
  }
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }

  std::vector<float> multiply(const Kernels& kernels, WeightType type, Epilogue epilogue,
                              bool halves) {
    std::vector<float> y = y_before;
    MatMul job;
    job.type = type;
    job.n = n;
    job.k = type == WeightType::kInt8 ? k_padded : k;
    job.bias = bias.data();
    job.rows = rows;
    job.x = x.data();
    job.y = y.data();
    job.y_stride = static_cast<std::size_t>(n);
    job.epilogue = epilogue;
    job.weights = type == WeightType::kFloat32    ? static_cast<const void*>(fp32.data())
                  : type == WeightType::kBFloat16 ? static_cast<const void*>(bf16.data())
                                                  : static_cast<const void*>(int8.data());
    const int padded_rows = (rows + kRowBlock - 1) / kRowBlock * kRowBlock;
    std::vector<std::int64_t> quantized(at(padded_rows) * at(k_padded) / 4 + 8);
    std::vector<float> row_scale(at(padded_rows));
    if (type == WeightType::kInt8) {
      job.format = kernels.activation_format(rows, q_max > 127);
      for (int row = 0; row < rows; ++row) {
        row_scale[at(row)] =
            kernels.quantize(x.data() + row * k, input_scale.data(), k, k_padded, q_max, job.format,
                             row, padded_rows, quantized.data());
      }
      job.x = quantized.data();
      job.row_scale = row_scale.data();
      job.column_scale = column_scale.data();
      job.column_sum = column_sum.data();
    }
    const int panels = n_padded / 16;
    job.panel_end = halves ? panels / 2 : panels;
    kernels.matmul(job);
    if (halves) {
      job.panel_begin = panels / 2;
      job.panel_end = panels;
      kernels.matmul(job);
    }
    return y;
  }

  // The product in double, without the epilogue's function.
  std::vector<double> exact() const {
    std::vector<double> y(at(rows * n));
    for (int row = 0; row < rows; ++row) {
      for (int c = 0; c < n; ++c) {
        double sum = bias[at(c)];
        for (int i = 0; i < k; ++i) {
          sum += static_cast<double>(x[at(row * k + i)]) * static_cast<double>(w[at(i * n + c)]);
        }
        y[at(row * n + c)] = sum;
      }
    }
    return y;
  }

  int rows, k, n, q_max, n_padded, k_padded;
  std::vector<float> w, x, bias, y_before, input_scale, column_scale, fp32;
  std::vector<std::uint16_t> bf16;
  std::vector<std::int8_t> int8;
  std::vector<std::int32_t> column_sum;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST_P(KernelsTest, ProductsHaveTheBitsOfTheScalarOnes) {
  for (const int rows : {1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 16, 17, 33, 40}) {
    for (const auto& [k, n] :
         {std::pair{64, 16}, std::pair{100, 50}, std::pair{192, 144}, std::pair{20, 7}}) {
      Problem problem(rows, k, n, static_cast<unsigned>(rows * 1000 + k));
      Problem wide(rows, k, n, static_cast<unsigned>(rows * 1000 + k), 4095);
      for (const Epilogue epilogue :
           {Epilogue::kStore, Epilogue::kAdd, Epilogue::kGeluTanh, Epilogue::kRelu}) {
        for (const WeightType type :
             {WeightType::kFloat32, WeightType::kBFloat16, WeightType::kInt8}) {
          const auto scalar = problem.multiply(*kScalarKernels, type, epilogue, false);
          const std::string what = "rows " + std::to_string(rows) + " k " + std::to_string(k) +
                                   " n " + std::to_string(n) + " type " +
                                   std::to_string(static_cast<int>(type)) + " epilogue " +
                                   std::to_string(static_cast<int>(epilogue));
          EXPECT_TRUE(same_bits(scalar, problem.multiply(*kernels_, type, epilogue, false)))
              << what;
          EXPECT_TRUE(same_bits(scalar, problem.multiply(*kernels_, type, epilogue, true))) << what;
        }
        const auto scalar = wide.multiply(*kScalarKernels, WeightType::kInt8, epilogue, false);
        EXPECT_TRUE(same_bits(scalar, wide.multiply(*kernels_, WeightType::kInt8, epilogue, false)))
            << "wide, rows " << rows << " k " << k;
      }
    }
  }
}

TEST_P(KernelsTest, AChangedWeightChangesAProduct) {
  Problem problem(3, 64, 32, 5);
  const auto before = problem.multiply(*kernels_, WeightType::kInt8, Epilogue::kStore, false);
  problem.int8[70] = static_cast<std::int8_t>(problem.int8[70] ^ 1);
  EXPECT_FALSE(
      same_bits(before, problem.multiply(*kernels_, WeightType::kInt8, Epilogue::kStore, false)));
}

TEST_P(KernelsTest, FloatProductsAreCloseToDouble) {
  Problem problem(9, 768, 96, 17);
  const auto exact = problem.exact();
  const auto y = problem.multiply(*kernels_, WeightType::kFloat32, Epilogue::kStore, false);
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], exact[i], 2e-5) << i;
}

TEST_P(KernelsTest, GeluIsCloseToItsFormula) {
  Problem problem(1, 16, 16, 3);
  std::fill(problem.fp32.begin(), problem.fp32.end(), 0.0F);
  for (float v = -12; v <= 12; v += 0.37F) {
    std::fill(problem.bias.begin(), problem.bias.end(), v);
    const float y =
        problem.multiply(*kernels_, WeightType::kFloat32, Epilogue::kGeluTanh, false)[0];
    const double x = v;
    const double exact =
        0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    EXPECT_NEAR(y, exact, 1e-6 * std::max(1.0, std::fabs(exact))) << v;
  }
}

TEST_P(KernelsTest, QuantizedProductsAreExactInIntegers) {
  // Inputs that are whole multiples of the step, so that nothing is lost in rounding.
  Problem problem(5, 64, 48, 9);
  std::fill(problem.input_scale.begin(), problem.input_scale.end(), 1.0F);
  std::fill(problem.bias.begin(), problem.bias.end(), 0.0F);
  std::mt19937 engine(1);
  for (std::size_t i = 0; i < problem.x.size(); ++i) {
    problem.x[i] =
        i % 64 == 0 ? 127.0F : static_cast<float>(static_cast<int>(engine() % 255) - 127);
  }
  const auto y = problem.multiply(*kernels_, WeightType::kInt8, Epilogue::kStore, false);
  for (int row = 0; row < 5; ++row) {
    for (int c = 0; c < 48; ++c) {
      long long sum = 0;
      for (int i = 0; i < 64; ++i) {
        sum += static_cast<long long>(problem.x[Problem::at(row * 64 + i)]) *
               problem.int8[Problem::at(c / 16 * 16 * 64 + i / 4 * 64 + c % 16 * 4 + i % 4)];
      }
      EXPECT_EQ(y[Problem::at(row * 48 + c)],
                static_cast<float>(sum) * problem.column_scale[Problem::at(c)]);
    }
  }
}

TEST_P(KernelsTest, QuantizingKeepsTheNumberOfBitsAndNoticesWhatIsNotFinite) {
  const int k = 75;
  auto x = normal(k, 4, 3);
  const std::vector<float> ones(k, 1.0F);
  std::vector<std::int16_t> q(128);
  const float scale = kScalarKernels->quantize(x.data(), ones.data(), k, 128, 4095,
                                               ActivationFormat::kInt16, 0, 1, q.data());
  int most = 0;
  for (int i = 0; i < k; ++i) {
    most = std::max(most, std::abs(static_cast<int>(q[Problem::at(i)])));
    EXPECT_NEAR(q[Problem::at(i)] * scale, x[Problem::at(i)], scale * 0.501F);
  }
  EXPECT_EQ(most, 4095);
  for (int i = k; i < 128; ++i) EXPECT_EQ(q[Problem::at(i)], 0);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    x[70] = bad;
    EXPECT_TRUE(std::isnan(kernels_->quantize(x.data(), ones.data(), k, 128, 127,
                                              ActivationFormat::kInt16, 0, 1, q.data())));
  }
  std::fill(x.begin(), x.end(), 0.0F);
  EXPECT_EQ(kernels_->quantize(x.data(), ones.data(), k, 128, 127, ActivationFormat::kInt16, 0, 1,
                               q.data()),
            0);
}

TEST_P(KernelsTest, LayerNormIsItsFormulaAndHasTheScalarBits) {
  for (const int n : {1, 5, 16, 20, 256, 770}) {
    const auto x = normal(Problem::at(n), 1, 4);
    const auto weight = normal(Problem::at(n), 2);
    const auto bias = normal(Problem::at(n), 3);
    std::vector<float> y(Problem::at(n));
    std::vector<float> scalar(Problem::at(n));
    kernels_->layer_norm(x.data(), weight.data(), bias.data(), n, 1e-5F, y.data());
    kScalarKernels->layer_norm(x.data(), weight.data(), bias.data(), n, 1e-5F, scalar.data());
    EXPECT_TRUE(same_bits(y, scalar)) << n;
    double mean = 0;
    double variance = 0;
    for (const float v : x) mean += v / static_cast<double>(n);
    for (const float v : x) variance += (v - mean) * (v - mean) / n;
    for (int i = 0; i < n; ++i) {
      const std::size_t at = Problem::at(i);
      EXPECT_NEAR(y[at], (x[at] - mean) / std::sqrt(variance + 1e-5) * weight[at] + bias[at], 2e-5)
          << n;
    }
  }
}

// Pages of random keys and values, `shared` of them the same memory twice in the list of a second
// row.
struct Pages {
  Pages(int head_size_in, int positions, CacheType type_in, const Kernels& kernels, unsigned seed)
      : head_size(head_size_in), type(type_in) {
    const auto padded = static_cast<std::size_t>((head_size + 15) / 16 * 16);
    tile = padded * 16 * (type == CacheType::kFloat16 ? 2 : 4);
    keys = normal(Problem::at(positions * head_size), seed);
    values = normal(Problem::at(positions * head_size), seed + 1);
    for (int p = 0; p < positions; ++p) {
      if (p % 16 == 0) memory.emplace_back(tile * 2);
      std::byte* page = memory.back().data();
      kernels.store_key_value(type, &keys[Problem::at(p * head_size)],
                              &values[Problem::at(p * head_size)], head_size, p % 16, page,
                              page + tile);
    }
    for (const auto& page : memory) pointers.push_back(page.data());
  }

  AttentionRow row(int positions) const { return {pointers.data(), positions}; }

  Attention job() const {
    Attention job;
    job.head_size = head_size;
    job.scale = 1 / std::sqrt(static_cast<float>(head_size));
    job.cache = type;
    job.value_offset = tile;
    return job;
  }

  std::vector<float> attend(const Kernels& kernels, const std::vector<float>& query,
                            int positions) const {
    std::vector<float> output(Problem::at(head_size));
    std::vector<float> scores(Problem::at((positions + 15) / 16 * 16));
    const AttentionRow row = this->row(positions);
    Attention job = this->job();
    job.row = &row;
    job.query = query.data();
    job.scores = scores.data();
    job.output = output.data();
    kernels.attention(job);
    return output;
  }

  // softmax(q K^T / sqrt(d)) V in double, on what the cache holds.
  std::vector<double> exact(const std::vector<float>& query, int positions) const {
    std::vector<double> weights;
    double most = -1e300;
    const auto held = [&](float v) {
      return type == CacheType::kFloat16 ? bundle::half_to_float(bundle::float_to_half(v)) : v;
    };
    for (int p = 0; p < positions; ++p) {
      double score = 0;
      for (int i = 0; i < head_size; ++i) {
        score +=
            static_cast<double>(query[Problem::at(i)]) * held(keys[Problem::at(p * head_size + i)]);
      }
      weights.push_back(score / std::sqrt(static_cast<double>(head_size)));
      most = std::max(most, weights.back());
    }
    double sum = 0;
    for (double& weight : weights) sum += weight = std::exp(weight - most);
    std::vector<double> output(Problem::at(head_size));
    for (int p = 0; p < positions; ++p) {
      for (int i = 0; i < head_size; ++i) {
        output[Problem::at(i)] +=
            weights[Problem::at(p)] / sum * held(values[Problem::at(p * head_size + i)]);
      }
    }
    return output;
  }

  int head_size;
  CacheType type;
  std::size_t tile;
  std::vector<float> keys, values;
  std::vector<std::vector<std::byte>> memory;
  std::vector<const std::byte*> pointers;
};

TEST_P(KernelsTest, AttentionIsItsFormulaInEveryLengthHeadAndCache) {
  for (const CacheType type : {CacheType::kFloat32, CacheType::kFloat16}) {
    for (const int head_size : {20, 32, 64, 80, 128}) {
      const Pages pages(head_size, 1024, type, *kernels_, static_cast<unsigned>(head_size));
      const Pages scalar_pages(head_size, 1024, type, *kScalarKernels,
                               static_cast<unsigned>(head_size));
      const auto query = normal(Problem::at(head_size), 77, 2);
      for (const int positions : {1, 2, 15, 16, 17, 63, 64, 65, 200, 333, 1023, 1024}) {
        const auto output = pages.attend(*kernels_, query, positions);
        EXPECT_TRUE(same_bits(output, scalar_pages.attend(*kScalarKernels, query, positions)))
            << head_size << " " << positions;
        const auto exact = pages.exact(query, positions);
        for (std::size_t i = 0; i < output.size(); ++i) {
          EXPECT_NEAR(output[i], exact[i], 1e-5) << head_size << " " << positions;
        }
      }
    }
  }
}

// What attention() gives for rows together, against each alone.
void expect_rows_as_alone(const Kernels& kernels, const Pages& pages,
                          const std::vector<AttentionRow>& rows,
                          const std::vector<std::vector<float>>& alone,
                          const std::vector<float>& queries, const std::string& what) {
  const auto size = Problem::at(pages.head_size);
  const auto stride = queries.size() / rows.size();
  std::vector<float> output(stride * rows.size(), -7.0F);
  std::vector<float> scores(kAttentionRows * 256);
  Attention job = pages.job();
  job.row = rows.data();
  job.rows = static_cast<int>(rows.size());
  job.query = queries.data();
  job.query_stride = stride;
  job.scores = scores.data();
  job.output = output.data();
  job.output_stride = stride;
  kernels.attention(job);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto begin = stride * row;
    const std::vector<float> together(&output[begin], &output[begin] + size);
    EXPECT_TRUE(same_bits(together, alone[row])) << what << ", row " << row;
    for (auto i = begin + size; i < begin + stride; ++i) EXPECT_EQ(output[i], -7.0F);
  }
}

TEST_P(KernelsTest, AttentionOfRowsTogetherIsThatOfEachAlone) {
  for (const CacheType type : {CacheType::kFloat32, CacheType::kFloat16}) {
    for (const int head_size : {20, 64, 80}) {
      const Pages pages(head_size, 160, type, *kernels_, static_cast<unsigned>(head_size));
      const auto size = Problem::at(head_size);
      for (const int rows : {2, 4, 5, 8, 11}) {
        for (const int positions : {1, 14, 63, 149}) {
          const auto stride = size + 3;
          const auto queries = normal(stride * Problem::at(rows), 9, 2);
          std::vector<AttentionRow> list;
          std::vector<std::vector<float>> alone;
          for (int row = 0; row < rows; ++row) {
            const float* query = &queries[stride * Problem::at(row)];
            list.push_back(pages.row(positions + row));
            alone.push_back(pages.attend(*kernels_, {query, query + size}, positions + row));
          }
          expect_rows_as_alone(*kernels_, pages, list, alone, queries,
                               std::to_string(head_size) + " " + std::to_string(positions));
        }
      }
    }
  }
}

// Sequences that begin with the same pages, some of them, and then part.
TEST_P(KernelsTest, AttentionOfSequencesWithACommonBeginningIsThatOfEachAlone) {
  for (const CacheType type : {CacheType::kFloat32, CacheType::kFloat16}) {
    for (const int head_size : {20, 64, 80}) {
      const auto size = Problem::at(head_size);
      for (const int common : {0, 1, 3, 5}) {
        std::vector<Pages> sequences;
        std::vector<AttentionRow> list;
        std::vector<std::vector<float>> alone;
        const std::vector<int> positions = {66, 100, 81, 160, 97, 17, 130, 90, 1, 88, 88};
        const auto queries = normal(size * positions.size(), 9, 2);
        for (unsigned i = 0; i < positions.size(); ++i) {
          sequences.emplace_back(head_size, 160, type, *kernels_, 100 + i);
        }
        for (std::size_t i = 0; i < positions.size(); ++i) {
          Pages& own = sequences[i];
          if (i != 7) {  // which stands between others and shares nothing
            std::copy_n(sequences[0].pointers.begin(), common, own.pointers.begin());
          }
          list.push_back(own.row(positions[i]));
          const float* query = &queries[size * i];
          alone.push_back(own.attend(*kernels_, {query, query + size}, positions[i]));
        }
        expect_rows_as_alone(*kernels_, sequences[0], list, alone, queries,
                             std::to_string(head_size) + " " + std::to_string(common));
      }
    }
  }
}

TEST_P(KernelsTest, AttentionReadsSharedPagesLikeItsOwn) {
  Pages pages(64, 160, CacheType::kFloat32, *kernels_, 3);
  const auto query = normal(64, 5);
  const auto alone = pages.attend(*kernels_, query, 150);
  // The same first pages, seen through another list, with a copy of the last.
  const std::vector<std::byte> copy = pages.memory.back();
  pages.pointers.back() = copy.data();
  EXPECT_TRUE(same_bits(alone, pages.attend(*kernels_, query, 150)));
  // A page of its own makes a difference.
  std::vector<std::byte> other = pages.memory[2];
  other[0] ^= std::byte{64};
  pages.pointers[2] = other.data();
  EXPECT_FALSE(same_bits(alone, pages.attend(*kernels_, query, 150)));
}

TEST_P(KernelsTest, HalfPrecisionRoundsAsInPlainArithmetic) {
  // All magnitudes: normal, subnormal, rounding to both sides, overflow.
  std::vector<float> values;
  for (std::uint32_t bits = 0; bits < 0x7f800000U; bits += 0x1357U * 16) {
    values.push_back(std::bit_cast<float>(bits));
    values.push_back(-std::bit_cast<float>(bits));
  }
  values.resize(values.size() / 16 * 16);
  for (std::size_t i = 0; i < values.size(); i += 16) {
    std::vector<std::uint16_t> keys(256);
    std::vector<std::uint16_t> row(256);
    kernels_->store_key_value(CacheType::kFloat16, &values[i], &values[i], 16, 0, keys.data(),
                              row.data());
    for (std::size_t j = 0; j < 16; ++j) {
      ASSERT_EQ(row[j], bundle::float_to_half(values[i + j])) << values[i + j];
      ASSERT_EQ(keys[j * 16], bundle::float_to_half(values[i + j])) << values[i + j];
    }
  }
}

TEST_P(KernelsTest, EmbeddingsAddUpInBothPrecisions) {
  const auto token = normal(37, 1);
  const auto position = normal(37, 2);
  std::vector<float> y(37);
  kernels_->embed(token.data(), position.data(), false, 37, y.data());
  for (std::size_t i = 0; i < 37; ++i) EXPECT_EQ(y[i], token[i] + position[i]);
  std::vector<std::uint16_t> halves[2];
  for (std::size_t i = 0; i < 37; ++i) {
    halves[0].push_back(bundle::float_to_half(token[i]));
    halves[1].push_back(bundle::float_to_half(position[i]));
  }
  kernels_->embed(halves[0].data(), halves[1].data(), true, 37, y.data());
  for (std::size_t i = 0; i < 37; ++i) {
    EXPECT_EQ(y[i], bundle::half_to_float(halves[0][i]) + bundle::half_to_float(halves[1][i]));
  }
}

}  // namespace
}  // namespace medgen::kernels
