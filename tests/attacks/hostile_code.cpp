// The hostile code itself.
// Knows nothing of the commands that may run it.
#include "attacks/hostile_code.h"

#include "cli/models.h"

namespace medgen::attacks {
namespace {

constexpr const char* kModelCode = "code/__torch__/medgen.py";

template <int index>
void insert_hostile_statement(Records& records, const Witness& witness) {
  insert_statement(records, with_witness(hostile_statements().at(index).code, witness));
}

// Runs while the archive is loaded, whichever method is called later, if any.
void add_state_methods(Records& records, const Witness& witness) {
  const std::string embedding =
      "class Embedding(Module):\n  __parameters__ = [\"weight\", ]\n  __buffers__ = []\n"
      "  weight : Tensor\n";
  const std::string methods = state_methods("__torch__.medgen.Embedding", "weight",
                                            with_witness("torch. save(1, \"{witness}\")", witness));
  replace_once(bytes_of(records, kModelCode), embedding, embedding + methods);
}

// Libtorch finds records whatever the case of their letters.
void rename_code(Records& records, const Witness& witness) {
  insert_statement(records, with_witness("torch.save(1, \"{witness}\")", witness));
  for (Record& record : records) {
    if (record.name.ends_with(".py")) record.name.replace(record.name.size() - 3, 3, ".PY");
  }
}

// Nothing that could be run: unnoticed without a check of the code.
void replace_code_by_noise(Records& records, const Witness&) {
  for (Record& record : records) {
    if (record.name.ends_with(".py")) record.bytes = "no code at all\n";
  }
}

}  // namespace

Witness::Witness(const std::string& name) : path_(cli_tests::scratch() / ("witness-" + name)) {
  std::filesystem::remove(path_);
}

const std::vector<HostileStatement>& hostile_statements() {
  static const std::vector<HostileStatement> statements = {
      {"BlankSave", "torch. save(1, \"{witness}\")", "aten::save"},
      {"NamespacedSave", "ops. aten.save(1, \"{witness}\")", "aten::save"},
      // Unused values are optimised away, hence the assertions.
      {"FromFile", "assert bool(torch.eq(torch.sum(torch. from_file(\"{witness}\", True, 16)), 0))",
       "aten::from_file"},
      {"SparseTensor",
       "assert bool(torch.ge(torch.sum(torch.to_dense(torch._sparse_coo_tensor_unsafe("
       "torch.full([1, 1], 1099511627776, dtype=4), torch.ones([1]), [2]))), 0))",
       "aten::_sparse_coo_tensor_unsafe"},
  };
  return statements;
}

std::ostream& operator<<(std::ostream& out, const HostileStatement& statement) {
  return out << statement.name;
}

std::string with_witness(std::string code, const Witness& witness) {
  const std::string mark = "{witness}";
  const std::size_t at = code.find(mark);
  return at == std::string::npos ? code : code.replace(at, mark.size(), witness.path());
}

std::string state_methods(const std::string& class_name, const std::string& attribute,
                          const std::string& statement) {
  const std::string self = "(self: " + class_name;
  return "  def __getstate__" + self + ") -> Dict[str, Tensor]:\n" +
         "    return annotate(Dict[str, Tensor], {})\n" + "  def  __setstate__" + self +
         ",\n    state: Dict[str, Tensor]) -> NoneType:\n" + "    " + statement + "\n" +
         "    self." + attribute + " = state[\"" + attribute + "\"]\n" + "    return None\n";
}

const std::vector<HostileArchive>& hostile_archives() {
  static const std::vector<HostileArchive> archives = {
      {"BlankSave", insert_hostile_statement<0>},
      {"NamespacedSave", insert_hostile_statement<1>},
      {"FromFile", insert_hostile_statement<2>},
      {"SparseTensor", insert_hostile_statement<3>},
      {"SetState", add_state_methods},
      {"CodeWithACapitalName", rename_code},
      {"NoCodeAtAll", replace_code_by_noise},
  };
  return archives;
}

std::ostream& operator<<(std::ostream& out, const HostileArchive& archive) {
  return out << archive.name;
}

}  // namespace medgen::attacks
