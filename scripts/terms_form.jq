# Questions that name or describe one thing, with their answers: a definition with its term taken out, or
# sentences about a condition with its name taken out, and then the term; and a condition's name, and then
# a sentence about its treatment. Texts about terms only: no story of a person is put into this form, so
# that none is ever answered with a condition.
# Run with: jq -c -f terms_form.jq, over definitions and over questions and answers about conditions
def question: if (.text | not) then "Which condition is being described?"
  elif .source | startswith("Human Disease Ontology") then "Which disease is this?"
  elif .source | startswith("Symptom Ontology") then "Which symptom is this?"
  else "Which term fits this description?" end;
def sentences: splits("(?<=[.?!])\\s+(?=[A-Z])");
# Whole sentences in pieces of at most $most characters, for as long as each sentence is within that.
def pieces($most): reduce sentences as $one ({done: [], text: null, full: false};
    if .full or ($one | length) > $most then .full = true
    elif .text and ((.text + " " + $one | length) > $most) then .done += [.text] | .text = $one
    else .text = (if .text then .text + " " + $one else $one end) end)
  | .done + [.text // empty];
def nameless($title): gsub("\\s+"; " ") | gsub("\\b\\Q" + $title + "\\E\\b"; "this condition"; "i")
  | sub("^t(?=his condition)"; "T") | gsub("(?<=[.?!:] )t(?=his condition)"; "T");
def descriptions: .title as $title
  | if .text then
      .text[($title | length):]
      | if startswith(" is ") or startswith(" are ") then "It" + . elif startswith(": ") then .[2:] else empty end
    elif (.question_type == "information" or .question_type == "symptoms") and ($title | length) >= 4 then
      .answer | nameless($title)
    else empty end
  | pieces(500)[:3][] | select(length >= 30);
def treatments: .title as $title
  | select(.question_type == "treatment") | .answer | nameless($title)
  | [sentences | select(length >= 40 and length <= 250 and endswith("."))][:4][];
. as $one
| [("Question: \(descriptions)\n\(question)\nAnswer: \(.title)"),
   ("Question: Which of these describes the treatment of \(.title)?\nAnswer: \(treatments)")]
| to_entries[]
| {id: "\($one.id):term\(.key)", source: $one.source, license: $one.license, title: $one.title, kind: "qa", text: .value}
