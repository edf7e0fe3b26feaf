from .mails import mail, mail_all
