// What a session keeps: each text that was typed, with the continuations that a machine made of it.
// Everything here is overwritten when it is forgotten.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "medgen/generate.h"
#include "session/wipe.h"

namespace medgen::session {

// What is continued.
struct Beginning {
  std::string typed;         // by a person
  std::string carried = {};  // made by a machine before, and gone on with
  std::string task = {};     // in whose form it is put; empty: none

  Beginning(std::string text, std::string machine_made, std::string form)
      : typed(std::move(text)), carried(std::move(machine_made)), task(std::move(form)) {}
  Beginning(const Beginning&) = default;
  Beginning& operator=(const Beginning&) = delete;
  ~Beginning() {
    wipe(typed);
    wipe(carried);
  }
};

struct Answer {
  Beginning beginning;
  std::string prompt;     // what the model was given
  bool specials = false;  // its special tokens were read as such
  Request request = {};
  std::vector<Completion> completions = {};

  explicit Answer(const Beginning& text) : beginning(text) {}
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() {
    wipe(prompt);
    wipe(request);
    wipe(completions);
  }

  // A continuation by its number, from 1; null where it was stopped before it began.
  const Completion* continuation(int number) const {
    for (const Completion& completion : completions) {
      if (completion.index == number - 1) return &completion;
    }
    return nullptr;
  }
};

using Answers = std::vector<std::unique_ptr<Answer>>;  // the latest is the last

}  // namespace medgen::session
