// Trains the SentencePiece models that the tests use; see support.h.
#include <map>

#include "text/train_tokenizer.h"
#include "unit/text/support.h"

namespace medgen::text_test {
using namespace text;
namespace {

const std::vector<std::string> kSentences = {
    "I have a fever and a cough.",
    "I have had a sore throat since Monday.",
    "She has a headache that gets worse at night.",
    "He feels tired and short of breath when climbing stairs.",
    "The pain is in the lower back and spreads to the left leg.",
    "My child has a rash on both arms and a high temperature.",
    "You may need to see a doctor if the fever lasts more than three days.",
    "Drink plenty of water and rest as much as you can.",
    "I feel dizzy when I stand up quickly.",
    "The cough is dry and keeps me awake.",
    "Chest pain that spreads to the arm is an emergency.",
    "She takes 5 mg once a day and 10 mg at night.",
    "My stomach hurts after eating and I feel sick.",
    "There is some swelling around the ankle but no bruising.",
    "He has had diarrhoea and vomiting for two days.",
    "The vision in my right eye is blurred in the morning.",
    "I have been coughing up phlegm for 3 weeks.",
    "Her hands tingle and her fingers go white in the cold.",
    "I can't sleep because of the itching.",
    "It's worse when I lie down, isn't it?",
    "A nurse checked my blood pressure and pulse this afternoon.",
    "Paracetamol helped for an hour, then the shivering started again.",
    "My father gets cramps in his calves after walking the dog.",
    "Since Friday the glands under my jaw have been swollen and tender.",
    "We were told to wait until the results come back from the laboratory.",
    "Could these symptoms be caused by the new medicine?",
    "The doctor listened to his chest and heard wheezing on both sides.",
    "Burning when passing urine, frequent visits to the toilet.",
    "Keep the wound clean, dry and covered with a plaster.",
    "Her heartbeat sometimes becomes irregular during exercise.",
    "They noticed a small lump behind the knee last summer.",
    "Numbness, weakness or trouble speaking must never be ignored.",
    "Allergies to pollen make my nose run every spring.",
    "The baby is feeding well but cries most evenings.",
    "Stop smoking, lose weight gradually and avoid salty food.",
    "An operation was planned, however the infection delayed it.",
};

}  // namespace

std::string small_sentencepiece_model(const std::string& type) {
  static std::map<std::string, std::string> models;
  std::string& model = models[type];
  if (model.empty()) {
    TokenizerTrainingOptions options;
    options.vocab_size = 512;
    options.type = type;
    // Every beginning with every end, so that there is enough to choose pieces from.
    std::size_t next = 0;
    const std::size_t count = kSentences.size();
    model = train_tokenizer(options, [&](std::string& text) {
      if (next == count * count) return false;
      const std::string& first = kSentences[next / count];
      const std::string& second = kSentences[next % count];
      text = first.substr(0, first.size() / 2) + second.substr(second.size() / 2);
      ++next;
      return true;
    });
  }
  return model;
}

}  // namespace medgen::text_test
