"""The same in other languages: German, French, Spanish in full, a few more for the plainest order."""

from __future__ import annotations

from cluster.guard.rules import GAP, rule, upto

DE_ORDERS = r"(?:anweisung(?:en)?|instruktionen?|regeln?|vorgaben?|befehle?n?|richtlinien?|anordnungen|prompts?|systemprompts?|systemanweisung(?:en)?|einschrankungen|auftrage?)\b"
DE_BEFORE = r"(?:vorherig|bisherig|vorangegangen|vorangehend|vorig|fruher|obig|oben|alle|deine|eure|ihre|ursprunglich|vorstehend|samtlich|gegeben|jegliche)\w{0,6}+"
FR_ORDERS = r"(?:instructions?|consignes?|regles?|directives?|ordres?|prompts?|commandes|restrictions?)\b"
FR_BEFORE = r"(?:precedent\w{0,3}+|anterieur\w{0,3}+|toutes?|tous|tes|vos|initial\w{0,3}+|systeme|ci-dessus|donnees)"
ES_ORDERS = r"(?:instrucciones|indicaciones|reglas|ordenes|directrices|prompts?|normas|restricciones|directivas)\b"
ES_BEFORE = r"(?:anterior(?:es)?|previ[ao]s?|todas?|todos|tus|sus|originales|iniciales|sistema|dadas|arriba)"

GERMAN = (
    rule("override", 0.7, rf"\b(?:ignorier(?:e|t|en sie)?|missachte(?:n sie|t)?|vergiss|vergesst|vergessen sie|verwirf|verwerfen sie|ubergeh(?:e|en sie)|umgeh(?:e|en sie)){upto(5)}{DE_BEFORE}{upto(3)}{DE_ORDERS}"),
    rule("override", 0.6, rf"\b(?:beachte|befolge|folge)(?:n sie)?{upto(4)}{DE_BEFORE}{upto(3)}{DE_ORDERS}{GAP}(?:nicht|nie)\b"),
    rule("override", 0.6, rf"\b{DE_BEFORE}{upto(3)}{DE_ORDERS}{upto(3)}(?:(?:sind|werden) (?:ab sofort |nun |hiermit )?(?:zu ignorieren|ungultig|aufgehoben|hinfallig)|ignorieren\W{{1,3}}+(?:und|stattdessen))"),
    rule("override", 0.6, r"\bvergiss (?:alles|bitte alles)\b[^.\n]{0,40}\b(?:oben|bisher|vorher|zuvor|gesagt|gelernt|weisst|davor)\b"),
    rule("takeover", 0.6, r"\b(?:deine|ihre|eure) (?:neue|neuen|eigentliche|wahre|einzige) (?:aufgabe|anweisung(?:en)?|rolle|auftrag|ziel)\b|\bneue (?:system)?anweisung(?:en)?(?: fur [\w ]{1,40}+)?:"),
    rule("takeover", 0.4, r"\b(?:ab jetzt|von nun an|ab sofort) (?:bist du|sind sie|antworte|antworten sie|handelst|gehorch|darfst)\w{0,8}"),
    rule("takeover", 0.35, r"\bdu bist (?:jetzt|nun|ab jetzt)\b[^.\n]{0,60}(?:ohne|frei|keine|nicht mehr|dan\b)"),
    rule("takeover", 0.5, r"\b(?:statt|anstatt)(?:dessen)?\b[^.\n]{0,60}\b(?:gib|schreibe?|sage?|antworte|sende?|rufe?|nenne)\b[^.\n]{0,60}\b(?:aus|nur|ausschliesslich|an|auf|passwort|passworter)\b"),
    rule("secrecy", 0.45, r"\b(?:sag|sage|sagen sie|erzahl|erzahle|verrate|verraten sie|teile|informiere|erwahne)\b[^.\n]{0,50}\b(?:nutzer|benutzer|anwender|niemand|menschen)\w{0,4}+[^.\n]{0,30}\b(?:nicht|nichts|davon|kein wort)\b|\bohne (?:den|dem|es dem) (?:be)?nutzer\b[^.\n]{0,40}\b(?:zu sagen|zu informieren|zu fragen|mitzuteilen)"),
    rule("reveal", 0.6, r"\b(?:zeig|zeige|verrate|nenne|gib|wiederhole|drucke|schreibe?|offenbare)\b[^.\n]{0,40}\b(?:dein|deine|deinen|ihren|ihre)\b[^.\n]{0,30}\b(?:system-?prompt|prompt|anweisungen|systemnachricht|instruktionen|regeln)\b"),
    rule("exfiltration", 0.6, r"\b(?:sende?|schicke?|leite|ubermittle|ubertrage|maile?)\b[^.\n]{0,80}\b(?:passwort|passworter|zugangsdaten|verlauf|gesprach|chatverlauf|schlussel|daten|nachrichten|e-?mails|dateien)\b[^\n]{0,60}?(?:https?://|[\w.+-]{1,40}+@[\w-]{1,40}+\.)"),
    rule("addressed", 0.5, r"\b(?:achtung|hinweis (?:an|fur)|nachricht an|anweisung(?:en)? (?:an|fur)|an)(?: alle| die| das| den)?[ :,]{1,3}(?:ki|kis|sprachmodelle?|ki-(?:assistenten?|modelle?|agenten)|assistenten?|chatbots?|llms?)\b[^.\n]{0,30}[:,!]|\bwenn du (?:eine? )?(?:ki|sprachmodell|assistent|ki-\w{1,20}) bist\b"),
    rule("answer", 0.4, r"\b(?:antworte|antworten sie|schreibe?|sage?|gib) (?:nur|ausschliesslich|immer|stets|lediglich)(?: noch)?(?: mit| aus)?\b[^.\n]{0,4}[\"'„“«»:]|\bbewerte\w{0,4} (?:diese\w?|den|die|das)\b[^.\n]{0,60}\b(?:sehr gut|hervorragend|beste|positiv|bestnote|hochst\w{0,4}+)"),
    rule("tool", 0.45, rf"\b(?:rufe?|verwende|nutze|benutze|starte){upto(4)}(?:werkzeug|tool|funktion){upto(6)}(?:auf|um|mit|und){upto(6)}(?:losch|send|schick|ubertrag|lies|uberweis|schreib)\w{{0,8}}"),
)  # fmt: skip
FRENCH = (
    rule("override", 0.7, rf"\b(?:ignorez?|oubliez?|neglige[zs]?|contournez?|(?:ne |n.)(?:tiens|tenez|suis|suivez|respectez?|obeis(?:sez)?)(?: plus| pas)(?: compte)?|fai(?:s|tes) abstraction|passez? outre|desobeis(?:sez)?){upto(4)}(?:{FR_BEFORE}{upto(3)}{FR_ORDERS}|{FR_ORDERS}{upto(3)}{FR_BEFORE}\b)"),
    rule("override", 0.55, r"\boublie[zs]? (?:tout|absolument tout)\b[^.\n]{0,40}\b(?:precede|avant|dit|appris|dessus|sais|savez)\b"),
    rule("takeover", 0.6, r"\b(?:ta|votre|tes|vos) (?:nouvelles?|vraies?|veritables?|seules?) (?:tache|instructions?|mission|role|consignes?|objectif)\b|\bnouvelles? (?:instructions?|consignes?)(?: (?:du|pour) [\w ]{1,30}+)? ?:"),
    rule("takeover", 0.4, r"\b(?:a partir de maintenant|desormais|dorenavant)\W{1,3}(?:tu|vous|reponds|repondez|agis|agissez)\b"),
    rule("takeover", 0.45, r"\b(?:au lieu|a la place|plutot)\b[^.\n]{0,50}\b(?:ecris|ecrivez|dis|dites|affiche[zr]?|reponds|repondez|envoie|envoyez)\b"),
    rule("secrecy", 0.45, r"\bne (?:le |la |les )?(?:dis|dites|revele[zs]?|mentionne[zs]?|parle[zs]?|previen[st]|prevenez|informe[zs]?)\b[^.\n]{0,40}\b(?:utilisateurs?|personne|usager)\b|\bsans (?:le dire|en informer|prevenir|avertir|informer)\b[^.\n]{0,30}\butilisateurs?\b"),
    rule("reveal", 0.6, r"\b(?:revele[zs]?|affiche[zs]?|montre[zs]?|donne[zs]?|repete[zs]?|ecris|ecrivez|divulgue[zs]?|imprime[zs]?)\b[^.\n]{0,40}\b(?:tes|vos|ton|votre)\b[^.\n]{0,30}\b(?:instructions|consignes|prompt|invite systeme|regles|directives|message systeme)\b"),
    rule("exfiltration", 0.6, r"\b(?:envoie|envoyez|envoyer|transmets|transmettez|transfere[zs]?|postez?)\b[^.\n]{0,80}\b(?:mots? de passe|identifiants|conversation|historique|cles?|donnees|messages|secrets?|fichiers|courriels?)\b[^\n]{0,60}?(?:https?://|[\w.+-]{1,40}+@[\w-]{1,40}+\.)"),
    rule("addressed", 0.5, r"\b(?:attention|note (?:a|pour)|message (?:a|pour)|instructions? (?:a|pour)|avis (?:a|aux))(?: les?| l.| tous les| toute)?[ :,']{1,3}(?:ia|intelligences? artificielles?|assistants?|modeles?(?: de langage)?|chatbots?|llms?)\b[^.\n]{0,30}[:,!]|\bsi (?:tu es|vous etes) une? (?:ia|assistant|modele de langage|intelligence artificielle|llm)\b"),
    rule("answer", 0.4, r"\b(?:reponds|repondez|dis|dites|ecris|ecrivez) (?:uniquement|seulement|toujours|simplement|juste)\b[^.\n]{0,12}[\"'“«:]|\bdans (?:ton|votre|le) resume\W{1,3}(?:inclus|incluez|ecris|ecrivez|mentionne[zs]?|recommande[zs]?|dis|dites)\b"),
)  # fmt: skip
SPANISH = (
    rule("override", 0.7, rf"\b(?:ignor(?:a|e|en|ad)|olvid(?:a|e|en|ate|ese)(?: de)?|descart(?:a|e)|desestim(?:a|e)|haz caso omiso de|haga caso omiso de|no (?:sigas|siga|hagas caso (?:a|de)|obedezcas|obedezca|tengas en cuenta)|pasa por alto|omite){upto(4)}(?:{ES_BEFORE}{upto(3)}{ES_ORDERS}|{ES_ORDERS}{upto(3)}{ES_BEFORE}\b)"),
    rule("override", 0.55, r"\bolvid(?:a|e|ate de) todo\b[^.\n]{0,40}\b(?:anterior|antes|dicho|aprendido|sabes|arriba)\b"),
    rule("takeover", 0.6, r"\b(?:tu|tus|su|sus) (?:nuev[ao]s?|verdader[ao]s?|unic[ao]s?) (?:tarea|instruccion(?:es)?|mision|rol|objetivo|papel)\b|\bnuevas? instruccion(?:es)?(?: (?:del|para) [\w ]{1,30}+)?:"),
    rule("takeover", 0.4, r"\b(?:a partir de ahora|de ahora en adelante|desde ahora)\W{1,3}(?:eres|tu|responde|responderas|actua|debes|seras)\b"),
    rule("takeover", 0.45, r"\b(?:en su lugar|en lugar de|en vez de)\b[^.\n]{0,50}\b(?:escribe|di|responde|muestra|envia|imprime)\b"),
    rule("secrecy", 0.45, r"\bno (?:se lo |le |lo )?(?:digas|diga|reveles|revele|menciones|mencione|informes|informe|avises|cuentes)\b[^.\n]{0,40}\b(?:usuarios?|nadie|persona)\b|\bsin (?:decirselo|decirle|informar|avisar|que lo sepa)\b[^.\n]{0,30}\busuarios?\b"),
    rule("reveal", 0.6, r"\b(?:revela|muestra|muestrame|dime|repite|imprime|escribe|divulga|ensename|revele|muestre)\b[^.\n]{0,40}\b(?:tu|tus|sus|su)\b[^.\n]{0,30}\b(?:instrucciones|prompt|reglas|mensaje (?:del|de) sistema|indicaciones|directrices)\b"),
    rule("exfiltration", 0.6, r"\b(?:envia|envie|manda|mande|reenvia|transmite|publica)\b[^.\n]{0,80}\b(?:contrasenas?|credenciales|conversacion|historial|claves?|datos|mensajes|secretos?|archivos|correos?)\b[^\n]{0,60}?(?:https?://|[\w.+-]{1,40}+@[\w-]{1,40}+\.)"),
    rule("addressed", 0.5, r"\b(?:atencion|nota para|mensaje para|instrucciones para|aviso a)(?: el| la| los| las| todos los)?[ :,]{1,3}(?:ia|ias|inteligencias? artificiales?|asistentes?|modelos?(?: de lenguaje)?|chatbots?|llms?)\b[^.\n]{0,30}[:,!]|\bsi eres una? (?:ia|asistente|modelo de lenguaje|inteligencia artificial|llm)\b"),
    rule("answer", 0.4, r"\b(?:responde|di|escribe|contesta) (?:solo|unicamente|solamente|siempre)\b[^.\n]{0,12}[\"'“«:]|\ben (?:tu|el) resumen\W{1,3}(?:incluye|escribe|menciona|recomienda|di)\b"),
)  # fmt: skip
OTHERS = (
    rule("override", 0.65, rf"\b(?:ignora|ignorate|dimentica|dimenticate){upto(4)}(?:istruzioni|regole|indicazioni){upto(2)}(?:precedenti|sopra|iniziali)\b"),
    rule("override", 0.65, rf"\b(?:ignore|esqueca|desconsidere){upto(4)}(?:instrucoes|regras|orientacoes|ordens){upto(2)}(?:anteriores|previas|acima)\b"),
    rule("override", 0.65, rf"\b(?:negeer|vergeet){upto(4)}(?:vorige|eerdere|bovenstaande|voorgaande){upto(2)}(?:instructies|opdrachten|regels)\b"),
    rule("override", 0.65, rf"\b(?:игнорируи(?:те)?|забудь(?:те)?){upto(4)}(?:инструкции|указания|правила|команды)\b"),
    rule("override", 0.65, r"(?:忽略|無視|无视|忘记|忘記)[^\n。]{0,10}(?:之前|以上|上述|前面|先前|所有)[^\n。]{0,10}(?:指令|指示|提示|规则|規則|说明|說明)"),
)  # fmt: skip
LANGUAGES = (*GERMAN, *FRENCH, *SPANISH, *OTHERS)
