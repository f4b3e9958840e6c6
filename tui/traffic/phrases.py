"""The words of the synthetic requests. All names are invented; ``{...}`` is filled in by ``synthetic``."""

FIRST_NAMES = (
    "Amara", "Bram", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hana", "Ivo", "Jonas", "Keiko", "Lwazi",
    "Maren", "Nuria", "Olga", "Pavel", "Rosa", "Samir", "Tove", "Wei",
)  # fmt: skip

LAST_NAMES = (
    "Adeyemi", "Bergström", "Castellano", "Doyle", "Eriksen", "Fontaine", "Gutiérrez", "Hoshino", "Ivanova",
    "Kowalski", "Lindqvist", "Moreau", "Nakata", "Okafor", "Petrov", "Rahman", "Silva", "Thompson", "Vogel",
    "Yilmaz",
)  # fmt: skip

COMPANIES = (
    "Alder & Finch Logistics", "Brightwater Foods", "Cobalt Ridge Energy", "Dunmore Textiles",
    "Eastgate Pharma", "Fernhill Insurance", "Granite Peak Software", "Harbourline Shipping",
    "Ironbark Timber", "Juniper Analytics", "Kestrel Avionics", "Larkspur Health", "Meridian Rail",
    "Northfold Bank", "Osprey Telecom",
)  # fmt: skip

TOPICS = (
    "warehouse migration", "annual maintenance plan", "data hosting service", "training programme",
    "payroll changeover", "fleet renewal", "customer survey", "security review", "office move",
    "spare parts supply", "brand relaunch", "billing correction", "pilot installation", "energy audit",
    "translation work",
)  # fmt: skip

PLACES = (
    "Aarhus", "Bilbao", "Cork", "Dresden", "Gdansk", "Ghent", "Leeds", "Lisbon", "Lyon", "Malmö", "Osaka",
    "Porto", "Tallinn", "Trieste", "Utrecht",
)  # fmt: skip

EMAIL_SENTENCES = (
    "Thank you for the draft on the {topic}; I have read it twice and have a few remarks.",
    "{person} told me this morning that the {topic} is {days} days behind the plan.",
    "The main reason is that {company} delivered only {count} of the pallets that we had ordered.",
    "Could you confirm by {weekday} that the {place} team has signed off its part?",
    "We agreed on {amount} EUR, but the invoice that arrived yesterday is {percent} percent higher.",
    "I would rather not start before {other} is back from {place} on {day} {month}.",
    "If nobody objects, I will book the meeting room in {place} for {weekday} at ten.",
    "Please do not forward the figures to {partner} until the board has seen them.",
    "My suggestion is to split the work in two: {count} sites before {month}, and the rest after the holidays.",
    "{other} from {partner} asked again whether the old contract covers the {topic}; I believe it does not.",
    "The test with {count} users went well, apart from two complaints about the waiting time.",
    "On the budget: {percent} percent is still open, and it cannot be moved into the next year.",
    "Can {person} send the signed copy to the {place} office before {day} {month}?",
    "I checked with the legal department, and they need at least {days} days for the review.",
    "One more thing: the access badges for {count} colleagues expire at the end of {month}.",
    "We will lose the discount of {amount} EUR if the order is not placed by {weekday}.",
    "The supplier in {place} offers a replacement, though not in the quality that we are used to.",
    "Let us keep the call on {weekday} short and decide only about the {topic}.",
    "I have attached the minutes; the three open points are marked in yellow.",
    "For the record, I did not promise {partner} a delivery in {month}, and neither did {other}.",
    "As far as I can see, nothing changes for the customers, but they should be told anyway.",
    "Would it help if {person} took over the coordination with {company} for the next {days} days?",
)

CLAUSES = (
    (
        "Scope",
        "The Supplier provides the {topic} at the Customer's site in {place} with a team of at least "
        "{count} qualified persons. Work beyond this scope is agreed in writing before it begins.",
    ),
    (
        "Fees",
        "The Customer pays a fixed fee of {amount} EUR for each quarter, due within {days} days of the "
        "invoice. On late payments the Supplier may charge interest of {percent} percent a year.",
    ),
    (
        "Term",
        "This agreement takes effect on {day} {month} and runs for {count} months. It is prolonged by one "
        "year unless a party gives notice at least {days} days before it ends.",
    ),
    (
        "Termination for cause",
        "Either party may end this agreement at once if the other breaches a material duty and does not "
        "cure the breach within {days} days of a written warning.",
    ),
    (
        "Termination for convenience",
        "{company} may end this agreement at any time with {days} days' notice. {partner} may do so only "
        "against payment of {percent} percent of the fees that remain.",
    ),
    (
        "Confidentiality",
        "Each party keeps secret what it learns about the business of the other, during the term and for "
        "{count} months afterwards. This does not cover what is public or was known before.",
    ),
    (
        "Liability",
        "The liability of the Supplier for slight negligence is limited to {amount} EUR per event and to "
        "{percent} percent of the yearly fees in total. Liability for injury to persons is not limited.",
    ),
    (
        "Service level",
        "The service is available for all but {count} minutes of each calendar month. For each further hour"
        " the Customer may deduct {percent} percent of the monthly fee.",
    ),
    (
        "Personal data",
        "The Supplier processes personal data only on the Customer's documented instructions, within the "
        "European Economic Area, and reports a breach to {person} within {count} hours.",
    ),
    (
        "Subcontractors",
        "The Supplier may use subcontractors only with prior consent; consent for {other} in {place} is "
        "hereby given. The Supplier answers for them as for its own staff.",
    ),
    (
        "Exclusivity",
        "For the term of this agreement {partner} obtains the {topic} from {company} alone, unless "
        "{company} fails to deliver for more than {days} days in a row.",
    ),
    (
        "Price changes",
        "The Supplier may raise its prices once a year by no more than {percent} percent. The raise is "
        "announced {days} days ahead, and the Customer may then end the agreement.",
    ),
    (
        "Audit",
        "The Customer may inspect the Supplier's books that concern this agreement once a year, on {days} "
        "days' notice, at its own cost unless the fees prove to be overstated by {percent} percent.",
    ),
    (
        "Intellectual property",
        "All work results become the property of the Customer on payment. The Supplier keeps its tools and "
        "grants a licence to them that is not exclusive and ends with this agreement.",
    ),
    (
        "Force majeure",
        "Neither party is liable for delays caused by events beyond its control. If such an event lasts "
        "more than {days} days, either party may end this agreement without compensation.",
    ),
    (
        "Governing law",
        "This agreement is governed by the law of the Supplier's seat. The courts of {place} have sole "
        "jurisdiction. Changes, including to this clause, are valid only in writing.",
    ),
)
