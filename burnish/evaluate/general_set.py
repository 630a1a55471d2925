"""The general set: English texts and prompts, written for Burnish, that have nothing to do with a
task.

Prompts are checked by rules: format, count, keyword, language and arithmetic, in the manner of
IFEval (Zhou et al. 2023); wording and rules are our own. Answers are cut at `LONGEST` tokens, so
none asks for more. Reads and writes nothing.
"""

import json
import re
from collections.abc import Callable
from typing import NamedTuple

LONGEST = 40
"""Most new tokens of an answer."""

Check = Callable[[str], bool]


class Instruction(NamedTuple):
    """A prompt and the rule that its answer is checked by."""

    id: str
    prompt: str
    check: Check


def says(*words: str) -> Check:
    """One of the words stands in it, in any case."""
    return lambda text: any(re.search(rf"(?<!\w){re.escape(w)}(?!\w)", text, re.I) for w in words)


def begins(start: str) -> Check:
    return lambda text: text.strip().casefold().startswith(start.casefold())


def ends(end: str) -> Check:
    return lambda text: text.strip().casefold().endswith(end.casefold())


def words(least: int, most: int) -> Check:
    """So many words."""
    return lambda text: least <= len(text.split()) <= most


def lines(n: int) -> Check:
    """So many lines that are not empty."""
    return lambda text: sum(bool(line.strip()) for line in text.splitlines()) == n


def bullets(n: int) -> Check:
    """So many lines that begin with a mark or a number, and none before them."""
    return lambda text: len(re.findall(r"(?m)^\s*(?:[-*•]|\d+[.)])\s", text)) == n


def upper(text: str) -> bool:
    return text.strip() != "" and text == text.upper() and text != text.lower()


def lower(text: str) -> bool:
    return text.strip() != "" and text == text.lower() and text != text.upper()


def without(letters: str) -> Check:
    """Something, and none of these characters."""
    return lambda text: bool(text.strip()) and not set(letters) & set(text)


def has_keys(*names: str) -> Check:
    """A JSON object with exactly these keys, alone or in a code block."""

    def check(text: str) -> bool:
        found = re.search(r"\{.*\}", text, re.S)
        try:
            value = json.loads(found[0]) if found else None
        except ValueError:
            return False
        return isinstance(value, dict) and set(value) == set(names)

    return check


def every(*checks: Check) -> Check:
    return lambda text: all(check(text) for check in checks)


INSTRUCTIONS = tuple(
    Instruction(*each)
    for each in (
        ("sum", "What is 7 plus 5? Answer with the number.", says("12", "twelve")),
        ("difference", "What is 20 minus 8? Answer with the number.", says("12", "twelve")),
        ("product", "What is 6 times 4? Answer with the number.", says("24", "twenty-four")),
        ("quotient", "What is 30 divided by 5? Answer with the number.", says("6", "six")),
        ("half", "What is half of 18? Answer with the number.", says("9", "nine")),
        ("apples", "Tom has 3 apples and gets 4 more. How many has he now?", says("7", "seven")),
        ("days", "How many days are in two weeks?", says("14", "fourteen")),
        ("larger", "Which number is larger, 45 or 54? Answer with the number.", says("54")),
        ("france", "What is the capital of France?", says("Paris")),
        ("japan", "What is the capital of Japan?", says("Tokyo")),
        ("water", "What do people call frozen water?", says("ice")),
        ("opposite", "What is the opposite of hot?", says("cold")),
        ("plural", "What is the plural of child?", says("children")),
        ("past", "What is the past tense of the verb go?", says("went")),
        ("legs", "How many legs has a spider?", says("8", "eight")),
        ("sun", "In which direction does the sun rise?", says("east")),
        ("season", "Which season comes after summer?", says("autumn", "fall")),
        ("colour", "Which colour do you get from mixing blue and yellow?", says("green")),
        ("week", "Which day comes after Monday?", says("Tuesday")),
        ("animal", "Which animal gives us wool?", says("sheep")),
        ("upper", "Write the word river in capital letters only.", every(says("RIVER"), upper)),
        ("lower", "Write the word LAMP in small letters only.", every(says("lamp"), lower)),
        ("repeat", "Repeat this sentence: The boat is red.", says("The boat is red")),
        ("one word", "Name a fruit. Answer with one word.", words(1, 1)),
        ("few words", "Describe snow in at most ten words.", words(1, 10)),
        ("three words", "Describe the sea with exactly three words.", words(3, 3)),
        ("bullets", "List three colours as bullet points.", bullets(3)),
        ("numbered", "List four animals as a numbered list.", bullets(4)),
        ("two lines", "Write two short lines about rain, each on its own line.", lines(2)),
        ("yes or no", "Is fire hot? Answer with yes or no only.", every(says("yes"), words(1, 1))),
        ("no", "Is a whale a bird? Answer with yes or no only.", every(says("no"), words(1, 1))),
        ("begin", "Write one sentence that begins with the word Yesterday.", begins("Yesterday")),
        ("end", "Write one short question about trains.", ends("?")),
        ("shout", "Write one short sentence that ends with an exclamation mark.", ends("!")),
        ("keyword", "Write one sentence that uses the word lantern.", says("lantern")),
        ("two keywords", "Write one sentence with the words fox and snow.",
         every(says("fox", "foxes"), says("snow"))),
        ("no comma", "Write one short sentence about bread without a comma.", without(",")),
        ("no digits", "Write the number twelve as a word.", every(says("twelve"), without("12"))),
        ("json", 'Write a JSON object with the keys "name" and "age".', has_keys("name", "age")),
        ("json one", 'Write a JSON object with the single key "city".', has_keys("city")),
        ("quoted", "Write the word hello between double quotes.", says('"hello"', "“hello”")),
        ("spanish", "Translate into Spanish: Good morning.", says("buenos días", "buenos dias")),
        ("french", "Translate into French: Thank you.", says("merci")),
        ("german", "Translate into German: Good day.", says("guten tag")),
        ("sorted", "Put these words in alphabetical order: pear, apple, fig.",
         lambda text: bool(re.search(r"apple.*fig.*pear", text, re.I | re.S))),
        ("first letter", "What is the first letter of the word garden?", says("g")),
        ("letters", "How many letters has the word cat?", says("3", "three")),
        ("sentiment", 'Is this review positive or negative? "I loved every page."',
         says("positive")),
    )
)  # fmt: skip
"""48 prompts, each with its rule."""

TEXTS = (
    "A bicycle stays upright because the rider keeps steering it under the fall. When it leans to "
    "the left, a small turn to the left brings the wheels back below the weight. At walking speed "
    "this takes large, slow movements of the handlebars; at higher speed the corrections become "
    "so small that few people notice that they make them at all.",
    "The market opened before the sun was over the roofs. Farmers unloaded crates of cabbages and "
    "pears, a woman set out jars of honey in a row, and somebody tuned an accordion behind the "
    "fountain. By eight o'clock the first customers were arguing about the price of eggs, and the "
    "smell of fresh bread had reached the far end of the square.",
    "To plant a tree, dig a hole twice as wide as the roots and no deeper than they are tall. "
    "Loosen the soil at the sides, set the tree upright, and fill the hole with the same earth. "
    "Water it slowly, press the ground down with your foot, and tie the trunk loosely to a stake. "
    "In the first summer it will need water every week.",
    "Rivers carry sand and mud from the mountains to the sea. Where the water slows down, it can "
    "no longer hold what it carries, and the load sinks to the bottom. Over thousands of years "
    "these layers build wide plains near the coast, and the river splits into many arms that move "
    "from one side of the plain to the other.",
    "She had not written a letter for years, and now the pen felt strange in her hand. She began "
    "with the weather, as one does, and crossed it out again. What she wanted to say was simple: "
    "that the house was empty, that the garden had gone wild, and that she would be glad if he "
    "came back before the winter.",
    "A public library lends more than books. Many have maps, films, musical instruments and even "
    "tools, and most offer a quiet room with a desk to anyone who walks in. The first libraries "
    "that everybody could use were paid for by members, who each gave a little every month; today "
    "towns pay for them from taxes.",
    "When two numbers are multiplied, their order makes no difference: four rows of six chairs "
    "are as many as six rows of four. With division the order matters, since sharing twelve "
    "cakes among three children is not the same as sharing three cakes among twelve. This is one "
    "of the first surprises that pupils meet in arithmetic.",
    "The council met on Thursday evening to discuss the old bridge. An engineer explained that "
    "its iron was sound but that the stones of the northern pier had begun to move. Repairing it "
    "would close the road for a summer and cost about half as much as a new one. The members "
    "decided to ask for two more opinions before they vote.",
    "Bread rises because yeast feeds on the sugar in the flour and gives off gas. The dough holds "
    "the gas in thousands of small bubbles, which grow in the warmth of the kitchen and then set "
    "in the heat of the oven. Too little time leaves the loaf heavy; too much lets the bubbles "
    "burst, and the bread falls flat.",
    "Most birds that leave in autumn travel by night. The air is cooler and calmer then, hawks "
    "are asleep, and the stars give a sense of direction. During the day the travellers rest and "
    "eat in hedges and reeds. Young birds on their first journey often set out alone, and yet "
    "they arrive where their parents spent the last winter.",
)
"""Ten texts of about seventy words."""
