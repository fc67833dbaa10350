r"""Words of other languages behind the wires, in the notation of `phrases.py`.

A message in another language reaches a person anyway; the wire gives it the deadline that it asks for.
"""

from __future__ import annotations

from typing import Final

from intents.phrases import Phrases

PERSON_ABROAD: Final[Phrases] = (
    (
        "de",
        r"mitarbeiter\w{0,3}|menschen?|ansprechpartner\w{0,3}|sachbearbeiter\w{0,3}|kundenberater\w{0,3}|"
        r"vorgesetzten?|jemand(?:en|em)_(?:sprechen|reden|echten)|echte_person",
    ),
    (
        "fr",
        r"conseiller\w{0,2}|humaine?|(?:vraie_)?personne_(?:réelle|physique)|vraie_personne|parler_(?:à|a|"
        r"avec)|un_agent|un_responsable|quelqu'un|service_client",
    ),
    (
        "es",
        r"una_persona|un_humano|ser_humano|un_agente|asesora?|representante|operadora?|hablar_con|"
        r"atención_al_cliente|supervisora?",
    ),
    ("it", r"operatore|una_persona|un_umano|essere_umano|parlare_con|un_responsabile|assistenza_clienti"),
    ("pt", r"atendente|uma_pessoa|um_humano|ser_humano|falar_com|um_agente|assistente_humano|supervisora?"),
    ("nl", r"medewerk(?:er|ster)s?|een_mens|echt_persoon|iemand_spreken|met_iemand|leidinggevende"),
    ("pl", r"konsultant\w{0,4}|człowiek\w{0,4}|pracownik\w{0,4}|rozmawiać_z|przełożon\w{1,4}|połączyć_z"),
    (
        "tr",
        r"temsilci\w{0,8}|yetkili\w{0,8}|insan(?:la|a|larla)?|gerçek_(?:bir_)?(?:kişi|insan)\w{0,4}|"
        r"müşteri_hizmetleri\w{0,4}",
    ),
    ("sv", r"en_människa|riktig_(?:person|människa)|prata_med|tala_med|handläggare|medarbetare|kundtjänst"),
    ("da/no", r"et_menneske|snakke_med|medarbejder|kundeservice|en_ekte_person"),
    ("fi", r"ihmi(?:nen|sen|selle)_?\w{0,10}|asiakaspalvelij\w{1,5}|puhua_jonkun"),
    ("cs", r"operátor\w{0,4}|člověk\w{0,4}|mluvit_s|živ(?:ým|ého)_člověk\w{0,3}"),
    (
        "ru",
        r"оператор\w{0,4}|человек\w{0,4}|сотрудник\w{0,4}|менеджер\w{0,4}|жив\w{2,4}_челов\w{0,6}|"
        r"специалист\w{0,3}|начальник\w{0,3}",
    ),
    ("uk", r"людин\w{0,4}|співробітник\w{0,4}|жив\w{2,4}_людин\w{0,4}|керівник\w{0,3}"),
    ("ar", r"\w{0,3}موظف\w{0,3}|شخص_حقيقي|خدمة_العملاء|\w{0,3}إنسان|\w{0,3}انسان|ممثل"),
    ("hi", r"insaan|vyakti|kisi_se_baat|baat_kar\w{0,5}"),
    ("id", r"petugas|bicara_dengan|orang_asli|manusia|agen_manusia"),
    ("vi", r"nhân_viên|người_thật|gặp_người"),
)

# Scripts that write words without spaces, or join them with signs: found anywhere, without a word's edge.
PERSON_ANYWHERE: Final[Phrases] = (
    ("zh", r"人工|真人|转接|客服|經理|经理|主管|活人"),
    ("ja", r"オペレーター|担当者|人間|人と話|担当の方|責任者|有人対応|スタッフと"),
    ("ko", r"상담원|상담사|사람과|직원|담당자"),
    ("hi", r"इंसान|व्यक्ति|एजेंट|ग्राहक सेवा|प्रतिनिधि|किसी से बात|मैनेजर"),
    ("he", r"נציג|בן אדם|אדם אמיתי"),
    ("th", r"เจ้าหน้าที่|พนักงาน|คุยกับคน"),
    ("el", r"άνθρωπο|εκπρόσωπο|υπάλληλο"),
)

SECURITY_ABROAD: Final[Phrases] = (
    (
        "self-harm abroad",
        r"selbstmord\w{0,3}|umbringen|suicidio|suicidarme|matarme|me_tuer|zelfmoord|samobójstw\w{1,3}|"
        r"intihar|självmord|самоубийств\w{1,3}",
    ),
)
