// The hand-made model and its hostile variants.
// Knows nothing of the commands that may run it.
#include "attacks/foreign_model.h"

#include "cli/models.h"

namespace medgen::attacks {
namespace {

constexpr const char* kCodeRecord = "code/__torch__.py";
constexpr int kIds = 300;  // of the tokenizer
constexpr int kWidth = 4;

constexpr const char* kSave = "torch. save(1, \"{witness}\")";
constexpr const char* kFunction =
    "def g() -> int:\n  print(\"computed\")\n  torch. save(1, \"{witness}\")\n  return 1\n";

constexpr const char* kCode = R"(class Table(Module):
  __parameters__ = ["values", ]
  __buffers__ = []
  values : Tensor
class Pairs(Module):
  __parameters__ = []
  __buffers__ = []
  table : __torch__.Table
  def forward(self: __torch__.Pairs,
    input_ids: Tensor) -> Tensor:
    table = self.table
    values = table.values
    return torch.matmul(torch.embedding(values, input_ids), torch.t(values))
)";

// A class of which no module is made; its state is one tensor.
std::string other_class(const Witness& witness) {
  return "class Other(Module):\n  __parameters__ = []\n  __buffers__ = []\n  values : Tensor\n" +
         state_methods("__torch__.Other", "values", with_witness(kSave, witness));
}

std::string table_tensor(const std::string& layout, std::int64_t stored = kIds * kWidth) {
  return pickle::tensor(pickle::storage("Float", "0", stored), layout);
}

std::string table_object(const std::string& layout, std::int64_t stored = kIds * kWidth) {
  return pickle::object("__torch__", "Table",
                        pickle::dictionary({{"values", table_tensor(layout, stored)}}));
}

std::string plain_layout() { return pickle::layout(0, {kIds, kWidth}, {kWidth, 1}); }

std::string model_pickle(const std::string& table) {
  return pickle::document(
      pickle::object("__torch__", "Pairs", pickle::dictionary({{"table", table}})));
}

// An object whose class has a __setstate__ of its own.
std::string other_object() {
  return pickle::object("__torch__", "Other",
                        pickle::dictionary({{"values", table_tensor(plain_layout())}}));
}

HostileForeign with_statement(const std::string& name, const std::string& code,
                              const std::string& named) {
  return {name,
          [code](Records& records, const Witness& witness) {
            insert_statement(records, with_witness(code, witness));
          },
          named};
}

// What is not used is not compiled.
HostileForeign with_use_of(const std::string& name, const std::string& tensor,
                           const std::string& named) {
  return with_statement(name, "assert bool(torch.ge(torch.sum(" + tensor + "), 0))", named);
}

HostileForeign with_more_code(const std::string& name, const std::string& code,
                              const std::string& statement = "") {
  return {name,
          [code, statement](Records& records, const Witness& witness) {
            if (!statement.empty()) insert_statement(records, statement);
            bytes_of(records, kCodeRecord) += with_witness(code, witness);
          },
          "aten::save"};
}

// The record holds kIds * kWidth numbers, whatever the list of parameters says is `stored`.
HostileForeign with_layout(const std::string& name, const std::string& layout,
                           std::int64_t stored = kIds * kWidth) {
  return {name,
          [layout, stored](Records& records, const Witness&) {
            bytes_of(records, "data.pkl") = model_pickle(table_object(layout, stored));
          },
          ""};
}

void add_to_table(Records& records, const std::string& statement) {
  replace_once(bytes_of(records, kCodeRecord), "  values : Tensor\n",
               "  values : Tensor\n" + state_methods("__torch__.Table", "values", statement));
}

void add_state_to_the_table(Records& records, const Witness& witness) {
  add_to_table(records, with_witness(kSave, witness));
}

// Even then it would run while the file is loaded.
void add_harmless_state_to_the_table(Records& records, const Witness&) {
  add_to_table(records, "_w = torch.zeros([1])");
}

void add_attribute_with_state(Records& records, const Witness& witness) {
  std::string& code = bytes_of(records, kCodeRecord);
  replace_once(code, "  table : __torch__.Table\n",
               "  table : __torch__.Table\n  other : __torch__.Other\n");
  code += other_class(witness);
  bytes_of(records, "data.pkl") = pickle::document(pickle::object(
      "__torch__", "Pairs",
      pickle::dictionary({{"table", table_object(plain_layout())}, {"other", other_object()}})));
}

// Constants are read before the model itself is.
void add_constant_with_state(Records& records, const Witness& witness) {
  bytes_of(records, kCodeRecord) += other_class(witness);
  bytes_of(records, "constants.pkl") = pickle::document(pickle::tuple({other_object()}));
  records.push_back({"constants/0", bytes_of(records, "data/0")});
}

void add_hook(Records& records, const Witness& witness) {
  std::string& code = bytes_of(records, kCodeRecord);
  replace_once(code, "  table : __torch__.Table\n",
               "  __forward_pre_hooks__ = [\"hook\", ]\n  table : __torch__.Table\n");
  code += with_witness(
      "  def hook(self: __torch__.Pairs,\n    input: Tuple[Tensor]) -> NoneType:\n"
      "    torch. save(1, \"{witness}\")\n    return None\n",
      witness);
}

// An object taken for one of a class with more attributes: reading the second reads whatever lies
// behind the object.
void cast_to_a_larger_class(Records& records, const Witness&) {
  insert_statement(records,
                   "_w = unchecked_cast(__torch__.Larger, self.table)\n"
                   "    assert torch.__isnot__(_w.second, None)");
  bytes_of(records, kCodeRecord) +=
      "class Larger(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
      "  first : Optional[Tensor]\n  second : Optional[Tensor]\n";
}

// The default of a parameter, or a constant of a class, is computed as soon as it is
// read.
HostileForeign with_value(const std::string& name, const std::string& before,
                          const std::string& after) {
  return {name,
          [before, after](Records& records, const Witness& witness) {
            std::string& code = bytes_of(records, kCodeRecord);
            replace_once(code, before, after);
            code += with_witness(kFunction, witness);
          },
          "only a literal is allowed"};
}

// The statement recurses as deep as it is long.
HostileForeign with_long_statement(const std::string& name, const std::string& begin,
                                   const std::string& middle, const std::string& end) {
  constexpr int kTimes = 100'000;
  std::string statement = "_w = ";
  for (int i = 0; i < kTimes; ++i) statement += begin;
  statement += middle;
  for (int i = 0; i < kTimes; ++i) statement += end;
  return with_statement(name, statement, "its code");
}

// One text of 8 MB, named a thousand times.
void name_a_text_often(Records& records, const Witness&) {
  replace_once(bytes_of(records, kCodeRecord), "  table : __torch__.Table\n",
               "  table : __torch__.Table\n  texts : List[str]\n");
  std::string texts = std::string("](") + pickle::text(std::string(8U << 20U, 'x')) + "q\x01";
  for (int i = 0; i < 1000; ++i) texts += "h\x01";
  bytes_of(records, "data.pkl") = pickle::document(pickle::object(
      "__torch__", "Pairs",
      pickle::dictionary({{"table", table_object(plain_layout())}, {"texts", texts + "e"}})));
}

// The vocabulary of a single id where nobody expects it.
void shrink_some_logits(Records& records, const Witness&) {
  replace_once(bytes_of(records, kCodeRecord),
               "    return torch.matmul(torch.embedding(values, input_ids), torch.t(values))\n",
               "    logits = torch.matmul(torch.embedding(values, input_ids), torch.t(values))\n"
               "    if torch.eq(torch.size(input_ids, 1), 2):\n"
               "      few = logits\n"
               "    else:\n"
               "      few = torch.slice(logits, 2, 0, 1)\n"
               "    return few\n");
}

void name_a_class_of_libtorch(Records& records, const Witness&) {
  bytes_of(records, "data.pkl") =
      model_pickle(pickle::object("__torch__.torch.classes.quantized", "LinearPackedParamsBase",
                                  pickle::tuple({table_tensor(plain_layout()), "N"})));
}

std::vector<HostileForeign> make_hostile_foreign_models() {
  std::vector<HostileForeign> models;
  for (const HostileStatement& statement : hostile_statements()) {
    models.push_back(with_statement(statement.name, statement.code, statement.operator_name));
  }
  const std::vector<HostileForeign> more = {
      // A view of a number that says it is a million of them.
      with_use_of("Alias", "torch._reshape_alias(torch.zeros([1]), [1000], [1000000000])",
                  "aten::_reshape_alias"),
      with_statement("Set", "_w = torch.set_(torch.zeros([1]), torch.zeros([4]))", "aten::set_"),
      with_statement("SetWithPlace",
                     "_w = torch.set_(torch.zeros([1]), torch.zeros([4]), 9, [9], [1])",
                     "aten::set_"),
      // The sum of the numbers overflows to 2, so there is room for two.
      with_statement("Repeat",
                     "assert bool(torch.ge(torch.sum(torch.repeat_interleave(torch.tensor("
                     "[9223372036854775807, 9223372036854775807, 4]))), 0))",
                     "aten::repeat_interleave"),
      with_statement("Print", "print(\"printed\")", "prim::Print"),
      with_statement("InABranch",
                     "if torch.eq(torch.size(input_ids, 0), 1):\n      " + std::string(kSave) +
                         "\n    else:\n      pass",
                     "aten::save"),
      with_more_code("NeverCalled",
                     "  def unused(self: __torch__.Pairs,\n    x: Tensor) -> Tensor:\n"
                     "    torch. save(x, \"{witness}\")\n    return x\n"),
      with_more_code("InAFunction",
                     "def helper(x: Tensor) -> Tensor:\n    torch. save(x, \"{witness}\")\n"
                     "    return x\n",
                     "_w = __torch__.helper(input_ids, )"),
      with_more_code("InAnObjectMadeOnTheWay",
                     "class Maker(Module):\n  __parameters__ = []\n  __buffers__ = []\n  x : int\n"
                     "  def __init__(self: __torch__.Maker) -> NoneType:\n    self.x = 1\n"
                     "    torch. save(1, \"{witness}\")\n    return None\n",
                     "_w = __torch__.Maker.__new__(__torch__.Maker)\n"
                     "    _v = (_w).__init__()"),
      {"CastToALargerClass", cast_to_a_larger_class, "prim::unchecked_cast"},
      {"Hook", add_hook, "aten::save"},
      with_value("Default", "    input_ids: Tensor) ->",
                 "    input_ids: Tensor,\n    more: int=__torch__.g()) ->"),
      with_value("ClassConstant", "  table : __torch__.Table\n",
                 "  table : __torch__.Table\n  one : Final[int] = __torch__.g()\n"),
      with_statement("CallOfLibtorchsClass",
                     "_c = (__torch__.torch.classes._nnapi.Compilation).__new__("
                     "__torch__.torch.classes._nnapi.Compilation, )\n    _d = (_c).__init__()",
                     "prim::CreateObject"),
      with_statement("TypeOfLibtorchs",
                     "_c = annotate(Optional[__torch__.torch.classes._nnapi.Compilation], None)\n"
                     "    assert torch.__is__(_c, None)",
                     "_nnapi.Compilation"),
      with_use_of("ElementTypeOfItsOwn", "torch.zeros([1], dtype=-1)", "aten::zeros"),
      with_use_of("ComputedElementType",
                  "torch.softmax(torch.zeros([1]), 0, torch.size(input_ids, 1))", "aten::softmax"),
      with_use_of("DeviceWithoutMemory", "torch.zeros([1], device=torch.device(\"meta\"))",
                  "aten::zeros"),
      with_use_of("FormatFromAnElementType",
                  "torch.contiguous(torch.zeros([1, 1, 1, 1]), memory_format=ops.prim.dtype("
                  "input_ids))",
                  "aten::contiguous"),
      with_statement("DivisionByWhatIsNotKnown",
                     "assert torch.ge(torch.floordiv(-9223372036854775807 - 1, "
                     "torch.neg(torch.size(input_ids, 0))), 0)",
                     "aten::floordiv"),
      with_statement("ValuesNestedWithoutEnd",
                     "x = annotate(Any, 1)\n    for i in range(300000):\n"
                     "      x = annotate(Any, (x,))\n    assert isinstance(x, Tuple[int])",
                     "the type Any"),
      {"ClassThatIsNoModule",
       [](Records& records, const Witness&) {
         bytes_of(records, kCodeRecord) += "class Two(NamedTuple):\n  a : int\n  b : int\n";
         insert_statement(records, "_w = __torch__.Two(1, 2)");
       },
       "a class that is not a module"},
      {"ManyFunctions",
       [](Records& records, const Witness&) {
         for (int i = 0; i < 5000; ++i) {
           bytes_of(records, kCodeRecord) += "def f" + std::to_string(i) +
                                             "(x: int) -> int:\n  return __torch__.f" +
                                             std::to_string(i + 1) + "(x)\n";
         }
       },
       "more classes or functions"},
      with_long_statement("NestedBrackets", "(", "1", ")"),
      with_long_statement("LongSum", "", "1", " + 1"),
      with_long_statement("ManySigns", "- ", "1", ""),
      {"TextNamedOften", name_a_text_often, "more text"},
      {"LogitsThatShrink", shrink_some_logits, "the same vocabulary every time"},
      {"State", add_state_to_the_table, "aten::save"},
      {"HarmlessState", add_harmless_state_to_the_table, "__setstate__"},
      {"StateOfAnAttribute", add_attribute_with_state, "aten::save"},
      {"StateOfAConstant", add_constant_with_state, "constants.pkl"},
      {"ClassOfLibtorch", name_a_class_of_libtorch, ""},
      with_layout("TooManyRows", pickle::layout(0, {1LL << 30, kWidth}, {kWidth, 1})),
      with_layout("TooWideStrides", pickle::layout(0, {kIds, kWidth}, {1LL << 30, 1})),
      with_layout("NegativeStrides", pickle::layout(0, {kIds, kWidth}, {-(1LL << 30), 1})),
      with_layout("OffsetBeyond", pickle::layout(1LL << 40, {kIds, kWidth}, {kWidth, 1})),
      with_layout("NegativeOffset", pickle::layout(-(1LL << 40), {kIds, kWidth}, {kWidth, 1})),
      with_layout("SizesThatOverflow", pickle::layout(0, {1LL << 62, 4}, {4, 1})),
      with_layout("OffsetThatOverflows", pickle::layout(1LL << 62, {kIds, kWidth}, {kWidth, 1})),
      with_layout("MoreThanItsRecord", pickle::layout(1LL << 28, {kIds, kWidth}, {kWidth, 1}),
                  1LL << 29),
  };
  models.insert(models.end(), more.begin(), more.end());
  return models;
}

}  // namespace

Records foreign_model() {
  std::string values;
  for (int i = 0; i < kIds * kWidth; ++i) {
    const float value = static_cast<float>(i * 37 % 101) / 50.0F - 1.0F;
    values.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return {{"data.pkl", model_pickle(table_object(plain_layout()))},
          {"data/0", values},
          {kCodeRecord, kCode},
          {"constants.pkl", pickle::document(")")},
          {"version", "3\n"}};
}

std::filesystem::path foreign_file(const std::string& name, const Tamper& tamper) {
  const std::filesystem::path folder = cli_tests::scratch() / ("foreign-" + name);
  std::filesystem::create_directories(folder);
  cli_tests::write(folder / "config.json",
                   R"({"vocab_size": 300, "n_positions": 24, "n_embd": 4, "n_layer": 1,)"
                   R"( "n_head": 1})");
  Records records = foreign_model();
  tamper(records);
  write_archive(folder / "model.pt", records);
  return folder / "model.pt";
}

const std::vector<HostileForeign>& hostile_foreign_models() {
  static const std::vector<HostileForeign> models = make_hostile_foreign_models();
  return models;
}

std::ostream& operator<<(std::ostream& out, const HostileForeign& model) {
  return out << model.name;
}

}  // namespace medgen::attacks
