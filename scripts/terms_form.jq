# Descriptions and what they describe, as question and answer: a definition with its term taken out, or the
# first sentences about a condition with its name taken out, and then the term. Texts about terms only: no
# story of a person is put into this form, so that none is ever answered with a condition.
# Run with: jq -c -f terms_form.jq, over definitions and over questions and answers about conditions
def question: if .source | startswith("Human Disease Ontology") then "Which disease is this?"
  elif .source | startswith("Symptom Ontology") then "Which symptom is this?"
  else "Which term fits this description?" end;
# Whole sentences, of at most $most characters together; null where the first is longer.
def sentences($most): reduce splits("(?<=[.?!])\\s+(?=[A-Z])") as $one ({text: null, full: false};
    if .full or ((.text // "") + " " + $one | length) > $most then .full = true
    else .text = (if .text then .text + " " + $one else $one end) end) | .text;
.title as $title
| (if .text then
    .text[($title | length):]
    | if startswith(" is ") or startswith(" are ") then "It" + . elif startswith(": ") then .[2:] else null end
  elif (.question_type == "information" or .question_type == "symptoms") and ($title | length) >= 4 then
    .answer | gsub("\\s+"; " ") | gsub("\\b\\Q" + $title + "\\E\\b"; "this condition"; "i") | sub("^t(?=his condition)"; "T")
  else null end
  | if . then sentences(500) else null end) as $description
| select($description and ($description | length) >= 30)
| {id: (.id + ":term"), source, license, title, kind: "qa",
   text: "Question: \($description)\n\(if .text then question else "Which condition is being described?" end)\nAnswer: \($title)"}
