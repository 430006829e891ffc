"""Texts in another language than the batch wants."""

from __future__ import annotations

import pytest

from tests.hygiene.tables import reasons, said

FOREIGN = {
    "de": [
        "Ihre Bestellung QM-10629 wurde gestern verschickt.",
        "Wie lautet bitte Ihre Postleitzahl?",
        "Ich möchte meine Bestellung stornieren, bitte.",
    ],
    "fr": [
        "Votre commande QM-10629 a été expédiée hier.",
        "Quel est votre code postal, s'il vous plaît ?",
        "Je voudrais annuler ma commande, merci.",
    ],
    "es": [
        "Su pedido QM-10629 salió ayer y debería llegar el viernes.",
        "¿Cuál es su código postal, por favor?",
        "Quiero cancelar mi pedido, por favor.",
    ],
    "it": ["Il suo ordine è stato spedito ieri.", "Purtroppo questo articolo non può essere restituito."],
    "pt": ["O seu pedido foi enviado ontem.", "Quero cancelar a minha encomenda, por favor."],
    "nl": [
        "Uw bestelling is gisteren verzonden en komt waarschijnlijk vrijdag aan.",
        "Ik wil mijn bestelling annuleren, alstublieft.",
    ],
    "pl": ["Zamówienie zostało wysłane wczoraj.", "Chcę anulować moje zamówienie."],
    "tr": ["Siparişiniz dün kargoya verildi.", "Maalesef bu ürün iade edilemez."],
    "vi": ["Đơn hàng của bạn đã được gửi hôm qua.", "Tôi muốn hủy đơn hàng của mình."],
    "zh": ["您的订单已于昨天发货。", "请问您的邮政编码是多少？", "我想取消订单 QM-10629。"],
    "ja": ["ご注文は昨日発送されました。", "郵便番号を教えていただけますか。"],
    "ko": ["주문은 어제 발송되었습니다.", "우편번호를 알려 주시겠어요?"],
    "ru": ["Ваш заказ был отправлен вчера.", "Я хочу отменить заказ."],
    "ar": ["تم شحن طلبك أمس.", "أريد إلغاء طلبي من فضلك."],
}
ENGLISH = [
    "Your order QM-10629 has shipped and should arrive on Friday.",
    "I can't cancel it, because it has shipped.",
    "Please tell me your postcode.",
]
MIXED = [
    "Your order has shipped. 预计周五送达，感谢您的耐心等待。",
    "Your order has shipped. Vielen Dank für Ihre Geduld und einen schönen Tag noch.",
    "Done! 您的订单已取消。",
    "Your order is ready.\nВаш заказ готов, спасибо за ожидание.",
    "Of course. Ich habe das für Sie erledigt, die Bestellung ist storniert.",
]
EACH = [(code, text) for code, texts in FOREIGN.items() for text in texts]


@pytest.mark.parametrize(("code", "text"), EACH)
def test_a_foreign_text(code: str, text: str) -> None:
    assert reasons(text) == ["wrong_language"]
    assert reasons(text, "user") == ["wrong_language"]
    assert reasons(text, language=code) == []


@pytest.mark.parametrize("text", MIXED)
def test_a_foreign_sentence_in_an_english_text(text: str) -> None:
    assert reasons(text) == ["wrong_language"]


@pytest.mark.parametrize("language", ["zh", "de", "fr", "es", "ja", "ru"])
@pytest.mark.parametrize("text", ENGLISH)
def test_english_where_another_language_is_wanted(language: str, text: str) -> None:
    assert reasons(text, language=language) == ["wrong_language"]


def test_an_english_sentence_in_a_chinese_text() -> None:
    assert reasons("您的订单已发货。Let me know if you need anything else.", language="zh") == ["wrong_language"]


@pytest.mark.parametrize("text", ["OK", "QM-10629", "好的。", "Breeze Desk Fan", "您的 Breeze Desk Fan 已发货。"])
def test_what_a_chinese_text_may_hold(text: str) -> None:
    assert reasons(text, language="zh") == []


def test_a_language_may_be_asked_for() -> None:
    text = "Ihre Bestellung wurde gestern verschickt."
    assert reasons(text, earlier=said("Please write it in German.")) == []
    assert reasons(text, policy="Answer in the language of the customer.") == []
    assert reasons(text, earlier=said("Where is my order?")) == ["wrong_language"]


def test_a_known_name_is_no_language() -> None:
    title = "Die kleine Raupe hat immer Hunger und wird nicht satt"
    text = f"{title}: 12.90"
    assert reasons(text) == ["wrong_language"]
    assert reasons(text, names=[title]) == []
