// Written for medgen: the voices that its prompts have (a person, a note, a leaflet, a study), so that
// rounding is judged on the words that matter here. Changing it changes what pack() makes of a model.
#include "bundle/probe_text.h"

namespace medgen {

std::string_view default_probe_text() {
  return
      "I feel that I have a fever and cough. It began three days ago with a sore throat, and since "
      "yesterday my nose has been blocked as well. I slept badly because the cough wakes me up, and my "
      "chest hurts a little when I breathe in deeply. My daughter had a cold last week, so I may have "
      "caught it from her. I have been drinking tea and taking paracetamol, which helps for a few hours.\n\n"
      "Doctor: How long have you had the pain in your knee?\n"
      "Patient: About two weeks. It is worse when I walk down the stairs, and in the morning it feels "
      "stiff for a while.\n"
      "Doctor: Did you fall or twist it?\n"
      "Patient: No, I do not remember anything like that. I started running again in spring, though.\n\n"
      "A 54-year-old woman came to the clinic with headaches that had become more frequent over four "
      "months. She described a dull pressure on both sides of the head, mostly in the afternoon, without "
      "nausea or sensitivity to light. She works at a screen for most of the day and wears reading "
      "glasses. Her blood pressure was 132 over 84, her pulse was regular, and she took no medicine "
      "apart from tablets for hay fever in summer.\n\n"
      "Question: What are the symptoms of anaemia?\n"
      "Answer: People with anaemia often feel tired and short of breath, look pale and notice their "
      "heartbeat. Some have headaches, cold hands or cracks at the corners of the mouth. Mild anaemia "
      "may cause no symptoms at all and is then found in a blood test that was done for another "
      "reason.\n\n"
      "Question: How is high blood pressure treated?\n"
      "Answer: Treatment begins with habits: less salt, regular exercise, less alcohol and a healthy "
      "weight. If the pressure stays high, there are several kinds of medicine, which lower it in "
      "different ways and may be combined. How well they work is checked by measuring the pressure "
      "again after some weeks.\n\n"
      "In this study, 218 adults with type 2 diabetes were followed for twelve months. Half of them "
      "received a weekly call from a nurse, and the others had the usual visits. At the end, the mean "
      "level of glycated haemoglobin had fallen in both groups, by 0.8 and 0.5 percentage points. The "
      "difference was small, and more people left the first group than the second, so the result has to "
      "be read with care.\n\n"
      "The kidneys filter the blood, keep water and salts in balance and make a hormone that the bone "
      "marrow needs to form red blood cells. Each kidney has about a million small filters. When many of "
      "them are lost, waste products stay in the body, the ankles may swell, and the person feels weak.";
}

}  // namespace medgen
