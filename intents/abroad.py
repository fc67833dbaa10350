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

DOWN_ABROAD: Final[Phrases] = (
    (
        "de",
        r"nichts_(?:geht|funktioniert|läuft)|geht_(?:gar_|überhaupt_)?nichts|nicht_(?:mehr_)?erreichbar|"
        r"(?:komplett|alles|total)_(?:kaputt|ausgefallen|down|tot)|ausfall|ausgefallen|"
        r"(?:seite|website|webseite|server|dienst|internet)_(?:ist_)?(?:down|tot|weg|offline|kaputt)",
    ),
    (
        "fr",
        r"en_panne|hors_(?:service|ligne)|plus_rien_ne_(?:marche|fonctionne)|rien_ne_(?:marche|fonctionne)|"
        r"(?:ne_marche|ne_fonctionne)_plus_du_tout|inaccessible|tout_est_(?:cassé|planté|bloqué)|panne_(?:totale|générale)",
    ),
    (
        "es",
        r"nada_funciona|no_funciona_nada|está_ca[ií]d[oa]|se_(?:ha_)?ca[ií](?:do|ó)|fuera_de_servicio|"
        r"no_hay_(?:servicio|conexión|internet)|todo_está_(?:roto|caído)|sin_servicio|"
        r"(?:página|web|sitio|servidor)_no_(?:funciona|carga|abre)",
    ),
    (
        "it",
        r"non_funziona_(?:più_)?(?:niente|nulla)|fuori_servizio|è_giù|irraggiungibile|tutto_(?:fermo|bloccato|rotto)",
    ),
    ("pt", r"nada_funciona|não_funciona_nada|fora_do_ar|caiu_tudo|está_fora|sem_(?:serviço|conexão|internet)"),
    (
        "nl",
        r"niets_(?:werkt|doet_het)|werkt_niets|ligt_(?:eruit|plat)|onbereikbaar|storing|alles_(?:ligt_plat|is_kapot)",
    ),
    ("pl", r"nic_nie_działa|nie_działa_nic|awaria|wszystko_padło|niedostępn\w{1,3}"),
    ("ru", r"ничего_не_работает|не_работает_ничего|вс[её]_упало|сервис_недоступен|сайт_(?:лежит|упал|не_работает)"),
)
MONEY_ABROAD: Final[Phrases] = (
    (
        "de",
        r"abgebucht|abbuchung\w{0,2}|doppelt_(?:bezahlt|berechnet)|zurückerstatt\w{0,5}|rückerstattung|"
        r"geld_(?:zurück|weg)|falsche_rechnung|rechnung_(?:ist_)?falsch|zu_viel_(?:bezahlt|berechnet)",
    ),
    ("fr", r"débit\w{1,4}|prélev\w{1,6}|rembours\w{1,8}|facturé\w{0,2}_(?:deux_fois|en_double|à_tort)|mon_argent"),
    (
        "es",
        r"cobr(?:aron|ado|ó)|reembols\w{1,6}|devol(?:ución|ver)_(?:d?el_)?(?:dinero)?|mi_dinero|cargo_(?:doble|indebido)",
    ),
    ("it", r"addebit\w{1,5}|rimbors\w{1,5}|pagato_due_volte|i_miei_soldi"),
    ("pt", r"cobra(?:ram|do|nça)_\w{0,10}|reembols\w{1,5}|estorn\w{1,3}|meu_dinheiro|cobrado_duas_vezes"),
    ("nl", r"afgeschreven|terugbetal\w{1,4}|dubbel_betaald|mijn_geld"),
    (
        "pl",
        r"pobran\w{1,3}|zwrot\w{0,2}_(?:pieniędzy|środków)|podwójn\w{1,4}_(?:płatnoś\w{1,3}|opłat\w{1,2})|moje_pieniądze",
    ),
    (
        "ru",
        r"списал[иа]|снял[иа]_деньги|вернит\w{1,3}_деньги|возврат\w{0,2}_(?:денег|средств)|двойно\w{1,2}_списан\w{1,3}",
    ),
)
