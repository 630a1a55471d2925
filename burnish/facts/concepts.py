"""What the words of a statement are about: words that say the same, and words that say too little.

Reads strings; writes nothing. The lists are general English and clinical English.
"""

from burnish.facts.wording import SIDES, STOP_WORDS, UNITS, Token, set_of, stem

PROBLEM = "problem"
"""The concept of trouble with something: no trouble with sleeping does not deny sleeping."""

_LIGHT = set_of(
    "history time times last like feel feels feeling felt seem seems seemed help helps know "
    "knows known think thought thing things well good fine better worse much many long little "
    "significant others today recent recently currently present presents presented past state "
    "states stated given started take takes took taking taken able medication medications "
    "medicine medical associated evidence come comes came want wants make makes made something "
    "really back need needs sure care follow followed status negative positive normal prior "
    "family mother father brother sister children child previous noted reports report reported "
    "denies does doing tell right okay yeah ever using used uses sign signs kind sort bit went "
    "going gone getting gotten see sees seen look looks looking give gives told tells get gets "
    "got ask asked asks keep keeps let lets put receive received receives remember remembers "
    "understand one two three four five yet happen happened lot even member members condition "
    "conditions area areas side sides use shortness herself himself itself above below because "
    "anyone someone everything daily there though you've i've we've don't didn't he's she's i'm "
    "you're it's that's there's say says said mean call called ago since home just general new "
    "old experience experienced experiencing mention mentioned discuss discussed show shows "
    "showed find found"
)
"""Words that say too little by themselves to be affirmed or denied."""

_SAME = (
    "smoke smokes smoked smoking smoker smokers nonsmoker tobacco cigarette cigarettes cigar",
    "drink drinks drank drinking drinker nondrinker alcohol alcoholic etoh beer wine liquor",
    "allergy allergies allergic",
    "surgery surgeries surgical surgically operation operations operated",
    "vomit vomits vomited vomiting emesis",
    "nausea nauseous nauseated",
    "fever fevers febrile feverish",
    "breath breathe breathing breathless dyspnea sob",
    "headache headaches migraine migraines",
    "dizziness dizzy lightheaded lightheadedness vertigo",
    "diabetes diabetic",
    "hypertension hypertensive",
    "pregnant pregnancy pregnancies",
    "seizure seizures convulsion convulsions",
    "hospital hospitals hospitalized hospitalised hospitalization hospitalizations",
    "depression depressed depressive",
    "anxiety anxious",
    "fatigue fatigued tired tiredness",
    "constipation constipated",
    "swelling swollen swell edema oedema",
    "numb numbness",
    "weak weakness",
    "urine urinary urinate urinating urination pee peeing",
    "bowel bowels stool stools",
    "vision visual eyesight",
    "sweat sweats sweating sweaty",
    "itch itchy itching pruritus",
    "cancer cancers cancerous malignancy malignancies malignant",
    "heart cardiac",
    "kidney kidneys renal",
    "lung lungs pulmonary",
    "stomach abdomen abdominal belly tummy",
    "pain pains painful hurt hurts hurting ache aches aching sore soreness",
    "injury injuries injured",
    "drug drugs",
    "infection infections infected",
    "asthma asthmatic",
    "bleed bleeds bleeding bled blood bloody hemorrhage",
    "married marry marriage husband wife spouse",
    "fall falls fell fallen",
    "problem problems issue issues trouble troubles difficulty difficulties",
    "change changes changed",
    "complaint complaints symptom symptoms symptomatology",
    "other else additional further anything",
)
_CONCEPTS = {stem(word): line.split()[0] for line in _SAME for word in line.split()}
_GENERAL = set_of("other else additional further anything")
"""They tell something after all: "anything else?", "no other complaints"."""


def concept(word: str) -> str:
    """The stem of a word, or what its commonest words for the same are known by."""
    name = stem(word)
    return _CONCEPTS.get(name, name)


def plain(token: Token) -> str:
    """A token without case, its apostrophe straight."""
    return token.text.casefold().replace("’", "'")


def tells(token: Token) -> bool:
    """Whether a word by itself can be affirmed or denied."""
    word = plain(token)
    light = word in STOP_WORDS or word in SIDES or word in _LIGHT or word in UNITS
    return word in _GENERAL or (token.is_word and len(word) > 2 and not light)
