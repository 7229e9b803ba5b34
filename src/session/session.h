// The clinician's session: a text is typed, a machine continues it in several ways, and one goes on
// from there. Keeps texts in memory alone and overwrites them when they are forgotten: see wipe.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_defaults.h"
#include "medgen/backend.h"
#include "medgen/templates.h"
#include "session/answer.h"
#include "session/command.h"
#include "session/console.h"
#include "session/settings.h"
#include "session/words.h"

namespace medgen::session {

struct SessionModel {
  std::string name;
  std::string sha256;
  std::int64_t parameters = 0;
  const Tokenizer* tokenizer = nullptr;
  Templates templates = {};
  engine::ModelDefaults defaults = {};
  // What the model is fed for a text: Model::prompt_tokens().
  std::function<std::vector<TokenId>(std::string_view text, Specials specials)> prompt_tokens = {};
};

struct SessionAsked {
  engine::SettingsJson given = engine::SettingsJson::object();  // at the start
  std::string task = {};                                        // empty: none
  std::chrono::milliseconds clear_after{0};                     // 0: never
  std::filesystem::path save_folder = {};                       // empty: nothing can be saved
};

class Session {
 public:
  // What is referred to must outlive it. Nothing else uses the back end or the console.
  Session(SessionModel model, Backend& backend, SessionAsked asked, Console& console);
  ~Session();  // forgets
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  enum class End { kAsked, kHangUp };
  End run();

 private:
  // A choice that was offered and not yet made.
  struct Fork {
    Beginning before;
    std::vector<Alternative> alternatives;

    explicit Fork(const Beginning& beginning) : before(beginning) {}
    Fork(const Fork&) = delete;
    Fork& operator=(const Fork&) = delete;
    ~Fork() {
      for (Alternative& alternative : alternatives) wipe(alternative.text);
    }
  };

  void greet();
  bool take_line(terminal::Line& line);  // false: the session ends
  void take_text(const std::string& text);
  bool take_choice(const std::string& text);
  bool obey(const Input& input);  // false: the session ends

  // Continues it and keeps the answer.
  void answer(const Beginning& beginning, std::optional<std::uint64_t> seed = {});
  void prepare(Answer& answer, std::optional<std::uint64_t> seed) const;
  void make_texts(Answer& answer);
  void show(const Answer& answer);

  void again();
  void more(const std::string& number);
  void undo();
  void edit(const Input& input);
  void fork(const Input& input);
  void agree();
  void colour();
  void show_why(const std::string& number);
  void set(const Input& input);
  void settings(const Input& input);
  void seed(const Input& input);
  void task(const Input& input);
  void say_model();
  void save(const std::string& name);
  void help();
  void forget();
  void clear();

  const Answer& last() const;  // throws Error(kUsage) without one
  const Completion& continuation(const std::string& number) const;  // of the last, likewise
  void say(std::string_view text);                                  // medgen's own words
  void show_mark(std::string_view text);
  void show_machine(std::string_view text);  // rows of a machine's, each with a bar

  SessionModel model_;
  Backend& backend_;
  SessionAsked asked_;
  Console& console_;
  Settings settings_;
  Answers answers_;
  std::unique_ptr<Fork> fork_;
  std::string initial_;  // of the line that is read next
  bool hung_up_ = false;
};

// "17.7 M"
std::string parameters_in_words(std::int64_t parameters);

// For Tab: commands, settings, tasks, and files in the folder that is saved to.
terminal::Completions completions(std::string_view before_cursor, const Templates& templates,
                                  const std::filesystem::path& save_folder);

}  // namespace medgen::session
