# The composed vignettes, without their last paragraph, in the form of `--task conditions`: a line that
# nothing else begins with, so that a plain story is never continued with conditions; the story; what a
# clinician might consider. That paragraph names one condition as if it were settled ("Likely diagnosis:
# ..."), which must never be learnt. So that no name reads as a verdict, up to two more are named: the
# conditions whose stories share most phrases with this one; all in alphabetical order.
# Run with: jq -sc -f conditions_form.jq
def phrases: [splits("[.,;:?!]+ *|\\band\\b|\\bAlso\\b") | gsub("^ +| +$"; "") | sub("^(I|She|He|They) (have|has|am|is|feel|feels|keep|keeps|was) "; "")
  | select(length > 8)] | unique;
map(. + {phrases: (.text | phrases)})
| (group_by(.title) | map({key: .[0].title, value: (map(.phrases[]) | unique | map({(.): 1}) | add)}) | from_entries) as $known
| .[]
| . as $one
| ([$known | to_entries[] | select(.key != $one.title)
    | {key, shared: (.value as $seen | [$one.phrases[] | select($seen[.])] | length)}
    | select(.shared >= 2)]
   | sort_by(-.shared, .key) | .[:2] | map(.key)) as $others
| {id, source, license, title, kind,
   text: "Possible conditions for this description:\n\(.text)\n\nConditions a clinician might consider: \([.title] + $others | sort_by(ascii_downcase) | join(", "))."}
