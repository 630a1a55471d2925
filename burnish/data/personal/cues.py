r"""What personal data look like when no model reads the text: the patterns, by subject.

Most are a cue ("DOB", "my name is", "MRN") and what follows; `\K` then leaves the cue out of the
hit. They are written for the regex package: `\p{Lu}` is a capital letter of any script. Case
counts, except where a group begins with `(?i:`. Repetitions are bounded.
"""

_MONTH = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
DATE = (
    r"(?:(?<!\d)(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2}))(?!\d)"
    rf"|\b\d{{1,2}}(?i:st|nd|rd|th)? (?i:of )?{_MONTH},? \d{{4}}\b"
    rf"|\b{_MONTH} \d{{1,2}}(?i:st|nd|rd|th)?,? \d{{4}}\b)"
)
"""A date with day, month and year: ISO, American, European, or with the month in words."""

_BIRTH = r"(?i:\b(?:d\.?o\.?b\b\.?|date of birth|birth ?date|birth ?day|born)\b)"
DATES_OF_BIRTH = {
    "after": rf"{_BIRTH}[^\d\n]{{0,30}}?\n?[^\d\n]{{0,5}}?\K{DATE}",
    "before": rf"{DATE}(?=[ ,(\[-]{{1,3}}{_BIRTH}(?!\W{{0,3}}\d))",
}

NUMBERS = {
    "record": (
        r"(?i:\b(?:mrn|mr ?#|m\.r\.n\.|(?:medical|health|med\.?) rec(?:ord)?s?(?: (?:no|num"
        r"|number)\b)?"
        r"|chart (?:no|num|number|id)\b|(?:patient|pt|hospital|encounter) (?:id|no|num|number)\b"
        r"|patient identifier|record (?:no|num|number)\b))[ \t:#.=\-]{0,4}(?i:(?:is|was|no\.?) )?"
        r"\K(?=[A-Z\d-]{0,6}\d)[A-Z]{0,4}-?\d(?:[\d-]{1,14}\d)[A-Z]?(?![\w/]|\.\d)"
    ),
    "age": (
        r"(?<![\d.,/-])\b(?:9\d|1[01]\d|12[0-5])(?=[ -]?(?i:y(?:ea)?rs?[ -]old|y/?o\b|y\.o\."
        r"|yrs? of age"
        r"|years of age|-?year-?old))"
        r"|(?i:\b(?:aged?|turn(?:ed|s|ing)|age is|age:|age of)[ :]{1,2})"
        r"\K(?:9\d|1[01]\d|12[0-5])(?![\d%/:-]|[.,]\d| ?(?i:%|days?|weeks?|months?|hours?|min|in\b"
        r"|to\b))"
        r"|\b(?i:ninety(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?|(?:one|a) hundred)"
        r"(?=[ -](?i:years?[ -]old|years of age))"
    ),
    "card": (
        r"(?<![\w.,+-]|\d )(?:(?:[2-69]\d{3}|1800)(?:[ -]?\d{4}){2}[ -]?\d{1,7}"
        r"|(?:5[0678]|6\d)\d\d(?:[ -]?\d{4}){2}"
        r"|3[4-9]\d\d[ -]?\d{6}[ -]?\d{4,5})(?![\w-]|[.,]\d)"
    ),
    "ssn": (
        r"(?i:\b(?:ssn|social security(?: (?:no|num|number)\b)?|soc\.? sec\.?))[ :#.]{0,3}"
        r"(?i:is )?\K\d{3}([ -]?)\d{2}\1\d{4}(?![\w-])"
    ),
    "licence": (
        r"(?i:\bdriv(?:er|ing)(?:['’]?s)?['’]? licen[cs]e(?: (?:no|num|number)\b)?\.?)"
        r"[ :#]{0,3}(?i:is )?\K(?=[A-Z\d-]{0,6}\d{2})[A-Z]{0,3}\d[A-Z\d-]{4,16}\b"
    ),
}
"""Numbers that a word before or after tells apart; card numbers are checked by Luhn."""

PHONES = {
    "shape": (
        r"(?<![\w.,@/#$€£+-])(?<!\d )(?:\+ ?|00)?(?:\(\+?\d{1,4}\) ?)?\d(?:[ .()/-]{0,2}\d){5,14}"
        r"(?: ?(?i:x|ext\.?) ?\d{1,6})?(?![\w%-]|[.,/]\d| ?(?i:mg|ml|kg|cm|mm|usd|eur|gbp)\b)"
    ),
    "called": (
        r"(?i:\b(?:(?:tele)?phone|tel|cell(?:phone)?|mobile|mob|fax|pager|desk|call(?:ed|ing)?(?: "
        r"(?:me|us|him|her|them|back))?"
        r"|dial|ring|reach(?:ed)?|text(?:ed)?|sms|whatsapp|voice ?mail|landline|hotline|answering"
        r"|messages? to|(?:best|contact|work|home|his|her) (?:number|line|no)|registered)\b)"
        r"(?:[^\d\n]{0,25}|[ \t:.]{0,4}\n)$"
    ),
    "american": r"^(?:1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d([ .-]))[2-9]\d\d(?(1)\1|[ .-]?)\d{4}"
    "(?: ?(?i:x|ext)|$)",
}
"""The shape of a phone number, words just before one, and three groups as in North America."""

WEB = {
    "email": (
        r"(?<![\w.!#$%&'*+/=?^`{|}~-])[\w!#$%&*+/=?^`{|}~-][\w.!#$%&'*+/=?^`{|}~-]{0,63}@"
        r"(?:[\w-]{1,63}\.){1,6}\p{L}[\p{L}\d-]{1,23}(?![\w@])"
    ),
    "url": (
        r"(?i)(?<![\w@])(?:(?:https?|ftp)://|www\d?\.)[^\s<>\"'`{}|\\^\[\]]{2,500}"
        r"(?<![.,;:!?)])"
    ),
    "domains": "com org net edu gov info biz uk au nz in br",
    "domain": (
        r"(?<![\w@./-])(?:[a-zA-Z\d](?:[a-zA-Z\d-]{0,61}[a-zA-Z\d])?\.){1,4}"
        r"(?:com|org|net|edu|gov|info|biz|co\.uk|org\.uk|ac\.uk|com\.au|co\.nz|co\.in|com\.br)"
        r"(?:/[^\s<>\"'`{}|\\^\[\]]{0,300}(?<![.,;:!?)]))?(?![\w@-])"
    ),
}
"""Web sites without a scheme count under the common domains alone: "pain.So" is no site."""

_WORD = r"\p{Lu}[\p{L}\p{M}'’-]{0,30}"
_ANY_WORD = r"(?:\p{L}[\p{L}\p{M}'’-]{0,30}|St\.|u\.|\d{1,4}(?:st|nd|rd|th))"
_KIND = (
    r"(?i:street|str\.?|st\.?|avenue|ave\.?|av\.?|road|rd\.?|lane|ln\.?|drive|dr\.?|court|ct\.?"
    r"|boulevard|blvd\.?|place|pl\.?|terrace|terr\.?|crescent|close|square|sq\.?|highway|hwy\.?"
    r"|parkway|pkwy\.?|circle|cir\.?|trail|way|mews|grove|row|gardens?|walk|hill)"
)
_STREET_IN_A_WORD = (
    r"(?i:stra(?:ss|ß)e|gasse|weg|allee|platz|gata(?:n)?|gatan|vägen|gade|vej|veien|katu|tie|straat"
    r"|laan|plein|gracht|hove|utca|terrasse|stræti|stíg|braut|vegen|vollen)"
)
_STREET_BEFORE = (
    r"(?i:rue|avenue|via|viale|piazza|calle|avenida|rua|ul\.|ulica|al\.|plaza|corso|chemin|place)"
)
_UNIT = (
    r"(?i:(?:apt|apartment|suite|ste|unit|flat|room|floor|fl)\b\.? ?#?[\dA-Z][\w-]{0,5}|#\d{1,5})"
)
_GAP = r"(?:[,\s]{1,8}|\s{0,3}\n[>*•?|-]{1,3}\s)"
_CODE = (
    r"(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|\d{4,5}(?:-\d{3,4})?(?! \p{Ll})|\d{3} \d{2}"
    r"|\d{4} ?[A-Z]{2})"
)
_TOWN = rf"{_WORD}(?!\d)(?: (?:{_WORD}|\p{{Ll}}{{1,4}}(?= \p{{Lu}}))){{0,3}}(?: \({_WORD}\))?"
_REST = (
    rf"(?:{_GAP}{_UNIT}){{0,2}}"
    rf"(?:{_GAP}(?:{_TOWN})(?=\s*(?:[.,;:!?)\n]|$| and | who )"
    rf"|\s{{1,3}}(?:{_CODE}|[A-Z]{{2}},? \d))){{0,3}}"
    rf"(?:,?\s{{0,3}}[A-Z]{{2}}\b)?(?:[ ,]{{0,2}}\s{{0,4}}(?:{_TOWN} )?{_CODE}\b)?"
)
_LIVES = (
    r"(?i:\b(?:address(?:es)?(?:,? here they are)?(?: is| was)?|lives?(?: at| on)|living at"
    r"|resid(?:es|ing) at|located at|mail(?:ed)? to|meet (?:me|you|him|her) at|stay(?:s|ing) at"
    r"|(?:office|home|house|shop|hotel|restaurant|clinic) is at"
    r"|drops (?:you|him|her|them|me) off at|return(?:ed)? to|sent to|taxi to|side of|north of"
    r"|moved to|home is)\??)[:, ]{1,3}\s{0,3}"
    r"(?:(?i:it is|is|user:|it's) ?)?"
)
ADDRESSES = {
    "after a state": r"(?:, |\b\p{Lu}\p{Ll}{2,20} )[A-Z]{2} \K\d{5}(?:-\d{4})?\b",
    "zip words": "zip zipcode post postal postcode postleitzahl plz code codes postcodes",
    "zip": (
        r"(?i:\b(?:zip(?:[ -]?codes?)?|post(?:al)?[ -]?codes?|postleitzahl|plz)\b)[^\d\n]{0,20}?\b"
        r"\K(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|\d{5}-\d{3,4}|\d{3} \d{2}|\d{4} ?[A-Z]{2}|\d{4,6}"
        r"|\d{2}-\d{3})\b"
    ),
    "postcode": r"(?<![\w-])(?:GIR 0AA|[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2})"
    r"(?![\w-])",
}

STREETS = (
    # 12 High Street, Apt. 3, Town, ST 12345
    (
        "street str st avenue ave av road rd lane ln drive dr court ct boulevard blvd "
        "place pl terrace terr crescent close square sq highway hwy parkway pkwy circle "
        "cir trail way mews grove row garden gardens walk hill",
        rf"(?<![\w.,/-])\d{{1,5}}[A-Za-z]?(?: \d{{1,5}})?(?: {_WORD}| {_ANY_WORD}){{0,3}}? "
        rf"(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th)) {_KIND}(?![\p{{L}}\d'’-]){_REST}",
    ),
    # Hauptstraße 12, 10115 Berlin; 12 Hauptstraße
    (
        "",
        rf"(?:(?<![\w.,/-])\d{{1,5}} )?(?<!\p{{L}})\p{{Lu}}[\p{{L}}-]{{1,30}}{_STREET_IN_A_WORD}"
        rf"(?: \d{{1,5}}[a-z]?\b|(?<=\d [\p{{L}}-]{{3,45}})(?!\p{{L}})){_REST}",
    ),
    # rue de Rivoli 10, 10 rue de Rivoli
    (
        "rue avenue via viale piazza calle avenida rua ul ulica al plaza corso chemin place",
        rf"(?:(?<![\w.,/-])\d{{1,5}} )?(?<!\p{{L}}){_STREET_BEFORE}(?: (?:de|la|du|des|del|della))?"
        rf"(?: {_WORD}){{1,3}} \d{{1,5}}[a-z]?\b{_REST}"
        rf"|(?<![\w.,/-])\d{{1,5}},? {_STREET_BEFORE}(?: (?:de|la|du|des|del|della|d'))?"
        rf"(?: {_WORD}){{1,3}}{_REST}",
    ),
    # any name between two numbers with a unit or a line break behind: 6750 Koskikatu 25 Apt. 864
    (
        "apt apartment suite ste unit flat room floor fl",
        rf"(?<![\w.,/-])\d{{1,5}} (?:\d{{1,5}} )?{_ANY_WORD}(?: {_ANY_WORD}){{0,3}}"
        rf"(?: \d{{1,5}}\.?)?"
        rf"{_GAP}{_UNIT}{_REST}",
    ),
    # after a cue
    (
        "address addresses lives live living residing resides located mail mailed "
        "office house shop hotel clinic restaurant meet staying stays drops return returned "
        "sent taxi side north moved home",
        rf"{_LIVES}\K(?:\d{{1,5}} (?:\d{{1,5}} )?{_WORD}(?: {_ANY_WORD}){{0,3}}(?: \d{{1,5}}\b\.?)?"
        rf"|{_WORD}(?: {_WORD}){{0,3}} \d{{1,5}}\b){_REST}",
    ),
    (
        "corner",
        rf"{_LIVES}\K(?i:the corner of) {_WORD}(?: {_ANY_WORD}){{0,3}}(?: \d{{1,4}})? and {_WORD}"
        rf"(?: {_WORD}){{0,3}}",
    ),
    # a block of lines that ends with a code
    (
        "",
        rf"(?<![\w.,/-])\d{{1,5}} {_ANY_WORD}(?: {_ANY_WORD}){{0,3}}(?: \d{{1,5}})?\n{_REST}"
        rf"(?<={_CODE})",
    ),
    # boxes
    (
        "box postbox postfach apo fpo dpo",
        rf"(?i:\b(?:p\. ?o\. ?box|po box|post ?box|postfach)) \d{{1,6}}\b{_REST}"
        r"|\b(?i:(?:psc|unit|cmr) \d{1,5},? box \d{1,5})\b(?:\s(?i:[afd]po),? (?i:a[aep]) \d{5})?"
        rf"|\b(?:USNS|USNV|USS|USCGC|HMS) {_WORD}(?: {_WORD})?\s[AFD]PO,? A[AEP] \d{{5}}",
    ),
)
"""Addresses, each behind the words one of which a text must hold, unless there are none."""

_NOT_NAMES = (
    r"(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January|February|March|April|June"
    r"|July|August|September|October|November|December|Today|Yesterday|Tomorrow|Patient|Doctor"
    r"|Nurse|Guest|Family|Mom|Dad|Mother|Father|Sir|Madam|Ma|The|This|That|These|Those|There|Then"
    r"|They|She|He|We|You|It|Its|His|Her|Our|Your|My|And|But|Or|So|If|In|On|At|Is|Was|Are|Were|Be"
    r"|Has|Had|Have|Do|Does|Did|Can|No|Not|None|Yes|Yeah|Okay|Ok|Hi|Hello|Hey|Good|Thanks"
    r"|Thank|Please|Well|What|When|Where|Who|Why|How|Denies|Denied|Reports|Reported|States|Stated"
    r"|Presents|Presented|Complains|Complained|Notes|Noted|Admits|Says|Said|Also|Now|Still|Pain"
    r"|Plan|History|Medical|Medication|Medications|Exam|Vitals|Past|Present|Social|Chief|Complaint"
    r"|Review|Assessment|Follow|Care|Education|Instructions|Portal|Name|Names|Number|Date|Birth"
    r"|Address|Phone|Email|Age|Sex|Male|Female|All|Any|Some|Customer|Team|Support|Service|Everyone"
    r"|Friends|Colleagues|Doctors|Just|Only|Mostly|Maybe|One|Two|Three|Four|Several|Wife|Husband"
    r"|Daughter"
    r"|Son|Sister|Brother|Partner|Friend|Parents?|Child|Baby|Boy|Girl|Man|Woman|Nobody|Someone"
    r"|Each|Unknown|Health|Home|Office|Clinic|Hospital|Emergency|English|Spanish"
    r"|French|German|American|African|Asian|Caucasian|Hispanic|White|Black|United|God|I|A|An|As"
    r"|To|From|For|With|By|Of|After|Before|Since|During|MRN|DOB|BP|HR|ER|ED|ICU|MD|RN|PT|OT|US|UK"
    r"|USA|EU|COVID|Covid|CPR|DNR|Inc|Ltd|LLC|Corp)"
)
_PARTICLE = r"(?:van|von|vom|de|del|della|di|da|dos|das|der|den|ter|ten|la|le|el|al|bin|ibn|zu|y)"
_GIVEN = (
    rf"(?!{_NOT_NAMES}\b)(?:\p{{Lu}}['’](?=\p{{Lu}}))?\p{{Lu}}[\p{{Ll}}\p{{M}}][\p{{L}}\p{{M}}]{{0,30}}"
    rf"(?:['’-](?!s\b)\p{{L}}[\p{{L}}\p{{M}}]{{0,20}}){{0,3}}"
)
_LOUD = rf"(?!{_NOT_NAMES}\b)(?:{_GIVEN}|\p{{Lu}}[\p{{Lu}}'’-]{{0,30}}\p{{Lu}}\b)"
_INITIAL = r"\p{Lu}\.?"
_MORE = rf"(?: (?:{_INITIAL} )?(?:{_PARTICLE} ){{0,2}}{_GIVEN}(?<!['’]s))"
_LOUD_MORE = rf"(?: (?:{_INITIAL} )?(?:{_PARTICLE} ){{0,2}}{_LOUD}(?<!['’]s))"
_END = r"(?<!['’]s)(?<!-)"
_FULL = rf"{_GIVEN}{_END}{_MORE}{{1,2}}"
_ONE = rf"(?:{_INITIAL} ?){{0,2}}(?:{_PARTICLE} ){{0,2}}{_GIVEN}{_END}{_MORE}{{0,2}}"
_LOUD_ONE = rf"(?:{_INITIAL} ?){{0,2}}(?:{_PARTICLE} ){{0,2}}{_LOUD}{_END}{_LOUD_MORE}{{0,2}}"
NAMES = (
    # Mr. Smith, Dr Jane Doe; Miss alone may miss an appointment, so it is not in lower case
    (
        "mr mrs ms dr mx prof sr sra hr frau herr mme mlle miss doctor professor nurse "
        "sister uncle aunt madam señor señora judge rev pastor rabbi",
        r"(?:\b(?:(?i:mrs?|ms|dr|mx|prof|sr|sra|hr|frau|herr|mme|mlle)\b\.?|Miss|Doctor|Professor"
        r"|Nurse"
        rf"|Sister|Uncle|Aunt|Madam|Señora?|Judge|Rev\.|Pastor|Rabbi)) \K{_LOUD_ONE}",
    ),
    # my name is, signed, dear
    (
        "name names named called calls under signed sincerely regards truly love attn "
        "contact caregiver surname",
        r"(?i:\b(?:my name(?:['’]s| is)|(?:maiden|first|last|full|middle|sur|given|family|patient"
        r"|pt|her|his"
        r"|their|partner['’]s|your|the) ?name(?: is|['’]s)?|names? (?:is|was|to)|was named|named "
        r"(?:him|her|them)"
        r"|i am called|calls? (?:me|him|her)|name in full|(?:it['’]s |it is )?under (?:the name"
        r"|my \w{3,10}['’]s name)"
        r"|signed(?: by)?|sincerely|(?:best|kind|warm)? ?regards|yours truly|love|attn|contact"
        r"(?: person)?"
        rf"|caregiver|surname|what['’]s your name\?))[,:]{{0,1}}\s{{1,3}}\K{_LOUD_ONE}",
    ),
    (
        "name patient pt client signed from to cc attn",
        rf"(?m:^|(?<=[.!?\n] ?))(?i:(?:patient )?name|patient|pt|client|signed|from|to|cc"
        rf"|attn)[ \t]?: ?\K(?:{_LOUD}{_END}{_LOUD_MORE}{{1,2}})",
    ),
    (
        "dear hi hello hey",
        rf"\b(?:Dear|Hi|Hello|Hey),? \K{_GIVEN}{_END}(?=[,!.\n:]|$)",
    ),
    # a text in small letters
    (
        "name",
        r"(?i:\bmy name is) \K(?!(?:not|no|wrong|in|on|also|still|now|being|correct|spel"
        r"|mis)\p{L}*\b)\p{Ll}{2,20}(?: \p{Ll}{1,20}){0,2}"
        r"(?= but | and |[.,!\n]|$)",
    ),
    # Jacob lives in
    (
        "lives from born",
        rf"(?m:^|(?<=[.!?\n] )){_GIVEN}(?= (?:lives (?:in|at|on|with)|is from|was born)\b)",
    ),
    # Patient Jane Doe
    (
        "patient pt client resident veteran member guardian physician surgeon provider",
        rf"(?i:\b(?:patient|pt|client|resident|veteran|member|guardian|physician|surgeon"
        rf"|provider))\.?,? \K{_FULL}",
    ),
    # wife Anna
    (
        "wife husband spouse daughter son mother father mom mum dad brother sister "
        "partner fiancé fiancée fiance fiancee boyfriend girlfriend aunt uncle cousin "
        "nephew niece grandson granddaughter grandmother grandfather neighbor neighbour "
        "roommate caregiver friend colleague boss landlord",
        r"(?i:\b(?:wife|husband|spouse|daughter|son|mother|father|mom|mum|dad|brother|sister"
        r"|partner|fianc[ée]e?"
        r"|boyfriend|girlfriend|aunt|uncle|cousin|nephew|niece|grand(?:son|daughter|mother|father)"
        r"|neighbou?r"
        rf"|roommate|caregiver|friend|colleague|boss|landlord))(?i:['’]s name is|,? named"
        rf"| is named|,)? \K{_ONE}(?![:'’])",
    ),
    # spoke with Jane Doe, seen by, call ... with results
    (
        "spoke spoken talked met seen referred signed dictated discussed letter result "
        "results appointment call called contact contacted notify notified inform "
        "informed accompanied follow under written directed produced performed founded led sung "
        "starring",
        r"(?i:\b(?:spoke (?:to|with)|spoken (?:to|with)|talked (?:to|with)|met with|seen by"
        r"|referred by|referred to"
        r"|(?:written|directed|produced|performed|founded|led|sung) by|starring"
        r"|signed by|dictated by|discussed with|letter (?:for|to|from)|results? (?:to|for)"
        r"|appointment (?:with|for)"
        rf"|call(?:ed)?|contact(?:ed)?|notif(?:y|ied)|inform(?:ed)?|accompanied by|follow(?: "
        rf"|-)?up with|under the care of)) \K{_FULL}",
    ),
    # this is Jane Doe, I'm Jane Doe
    (
        "this i it here",
        rf"(?i:\b(?:this is|i['’]m|i am|it['’]s|here is)) \K{_FULL}(?=[.,!?\n;]|$| (?:from|calling"
        rf"|and|speaking|here)\b)",
    ),
    # Jane Doe, DOB 1 May 1950; Jane Doe (MRN 1); Jane Doe confirmed
    (
        "mrn dob d date born aged is",
        rf"(?<!\p{{Lu}}\p{{L}}{{0,30}} ){_FULL}(?=,? [(\[]?(?:MRN|DOB|D\.O\.B|date of birth|born\b"
        rf"|aged \d))",
    ),
    (
        "confirmed confirms reported reports stated states denied denies said says "
        "complained complains presented presents called calls asked asks born lives "
        "verified signed",
        rf"(?<![\p{{L}}] )(?<!\p{{Lu}}\p{{L}}{{0,30}}[ -]){_FULL}(?= (?:confirm(?:ed|s)|report"
        rf"(?:ed|s)|stat(?:ed|es)|den(?:ied|ies)|said|says"
        r"|complain(?:ed|s)|present(?:ed|s)|called|calls|asked|asks|was born|lives (?:at|in|on)"
        r"|verified|signed)\b)",
    ),
)
"""Names that a cue gives away, each behind the words one of which a text must hold. Where the cue
is weak, the name has two words at least."""

PLACES = (
    (
        "in from to at of visit visited visiting visits southern northern eastern western central",
        rf"(?i:\b(?:liv(?:es?|ing) in|(?:am|are|is|['’]m) (?:currently )?in|(?:originally|moved"
        rf"(?: here)?|is) from|moved to"
        rf"|(?:travel(?:l?ing|s|ed)?|trip|went|going|fl(?:y|ew|ying)|back|return(?:ed|ing)?) to"
        rf"|visit(?:ed|ing|s)?|c(?:a|o)mes? from|(?:city|town|village) of"
        rf"|(?:works?|raised|grew up) in"
        rf"|(?:south|north|east|west)ern|central|based in|born in|arrived (?:at|in)"
        rf"|originally from|street in|home in)) \K(?!{_NOT_NAMES}\b)"
        rf"\p{{Lu}}[\p{{L}}\p{{M}}'’-]{{2,30}}(?:[ -]{_WORD}){{0,2}}(?<!['’]s)(?<!\.)",
    ),
)
"""Places that a cue gives away; used beside a NER model, which knows more of them."""
