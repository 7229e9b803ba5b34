// See the header. Reads libtorch's own tokens, one after the other.
#include "torchscript/foreign_code.h"

#include <torch/csrc/jit/frontend/lexer.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace medgen::torchscript {
namespace {

// A trace of 48 layers returns 48 pairs in one statement, nested three deep.
constexpr int kMaxBrackets = 64;
constexpr int kMaxIndent = 32;
constexpr int kMaxBranches = 500;  // elif of one file
constexpr int kMaxClasses = 1300;  // 48 layers have 630
constexpr int kMaxFunctions = 1300;
constexpr int kMaxOperators = 500;  // per statement: anything that deepens its tree

bool is_one_of(int kind, std::initializer_list<int> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// Part of a number, a text, a list of them, or of its type: annotate(List[int], [1, 2]).
bool is_literal(torch::jit::Token& token) {
  constexpr std::array<std::string_view, 10> kNames = {
      "annotate", "List", "Dict", "Optional", "Tuple", "int", "float", "bool", "str", "Tensor"};
  if (token.kind == torch::jit::TK_IDENT) {
    return std::find(kNames.begin(), kNames.end(), token.text()) != kNames.end();
  }
  return is_one_of(token.kind, {torch::jit::TK_NUMBER, torch::jit::TK_STRINGLITERAL,
                                torch::jit::TK_TRUE, torch::jit::TK_FALSE, torch::jit::TK_NONE, '-',
                                '(', ')', '[', ']', '{', '}', ':', ','});
}

// Part of a type: __torch__.a.B, Optional[Tensor]. Without brackets for calls, so nothing is
// computed.
bool is_of_type(const torch::jit::Token& token) {
  return is_one_of(token.kind, {torch::jit::TK_IDENT, torch::jit::TK_NONE, torch::jit::TK_NONE_TYPE,
                                '.', ',', '[', ']'});
}

class Reader {
 public:
  explicit Reader(CodeCount& count) : count_(count) {}

  // Why the token must not follow what was read; empty if it may.
  std::string take(torch::jit::Token token) {
    switch (token.kind) {
      case torch::jit::TK_INDENT:
        begin_statement();
        return ++indent_ > kMaxIndent ? "its code is nested too deeply" : "";
      case torch::jit::TK_DEDENT:
        begin_statement();
        if (--indent_ == 0) in_class_ = false;
        return "";
      case torch::jit::TK_NEWLINE:
        begin_statement();
        return "";
      default:
        return take_of_statement(token);
    }
  }

 private:
  void begin_statement() {
    first_ = 0;
    is_annotation_ = false;
    is_module_ = false;
    operators_ = 0;
    in_value_ = false;
  }

  std::string take_of_statement(torch::jit::Token& token) {
    const int kind = token.kind;
    if (first_ == 0) {
      first_ = kind;
      if (kind == torch::jit::TK_CLASS_DEF) in_class_ = true;
      is_annotation_ = kind == torch::jit::TK_IDENT && token.text() == "__annotations__";
    }
    if ((kind == torch::jit::TK_CLASS_DEF && ++count_.classes > kMaxClasses) ||
        (kind == torch::jit::TK_DEF && ++count_.functions > kMaxFunctions)) {
      return "its code has more classes or functions than any model has";
    }
    // class Name(Module): tuples with names, enumerations and interfaces are not needed, and types
    // made of them grow without bound.
    if (first_ == torch::jit::TK_CLASS_DEF && brackets_ == 1 && kind == torch::jit::TK_IDENT) {
      is_module_ = token.text() == "Module";
    }
    if (first_ == torch::jit::TK_CLASS_DEF && kind == ':' && !is_module_) {
      return "its code has a class that is not a module";
    }
    if (kind == torch::jit::TK_ELIF && ++branches_ > kMaxBranches) {
      return "its code is nested too deeply";
    }
    const bool is_leaf = is_one_of(kind, {torch::jit::TK_IDENT, torch::jit::TK_NUMBER,
                                          torch::jit::TK_STRINGLITERAL, ',', ')', ']', '}', ':'});
    if (!is_leaf && ++operators_ > kMaxOperators) return "a statement of its code is too long";
    if (is_one_of(kind, {')', ']', '}'}) && --brackets_ < 0) return "its code is damaged";
    if (in_value_ && ends_value(kind)) in_value_ = false;
    const bool may_stand = is_annotation_ ? is_of_type(token) : is_literal(token);
    if (in_value_ && !may_stand) {
      return "its code computes a default or a constant, where only a literal is allowed";
    }
    if (kind == '=' && begins_value()) in_value_ = true;
    if (is_one_of(kind, {'(', '[', '{'}) && ++brackets_ > kMaxBrackets) {
      return "its code is nested too deeply";
    }
    return "";
  }

  // def f(a: int=1), or in a class's body: a : int = 1, __annotations__["0"] = __torch__.A
  bool begins_value() const {
    if (first_ == torch::jit::TK_DEF) return brackets_ == 1;
    return in_class_ && indent_ == 1 && brackets_ == 0;
  }
  bool ends_value(int kind) const {
    return first_ == torch::jit::TK_DEF && (brackets_ == 0 || (brackets_ == 1 && kind == ','));
  }

  CodeCount& count_;
  int branches_ = 0;
  bool in_class_ = false;
  bool in_value_ = false;
  int first_ = 0;  // the statement's first token
  bool is_annotation_ = false;
  bool is_module_ = false;
  int indent_ = 0;
  int brackets_ = 0;
  int operators_ = 0;
};

}  // namespace

std::string CodeReader::fault(const std::shared_ptr<torch::jit::Source>& source) {
  torch::jit::Lexer lexer(source);
  Reader reader(count_);
  while (lexer.cur().kind != torch::jit::TK_EOF) {
    const std::string fault = reader.take(lexer.next());
    if (!fault.empty()) return fault;
  }
  return "";
}

}  // namespace medgen::torchscript
