#!/usr/bin/env python3
"""Makes sentences of clinical English with and without identifiers, for measuring `medgen screen`.

Two halves of N/2 sentences (default 2000) from different templates. The rules in src/safety were
written with the first half in sight; the second is held out. Nobody in them exists: telephone
numbers are of the range kept for fiction, social security numbers of one that is never issued,
addresses of the internet those kept for documents.

Each line: {"half", "text", "found": [{"class", "column", "length"}]}, in characters from 1.
Usage: make_identifier_sentences.py [N] >FILE
"""
import json
import random
import re
import sys

rng = random.Random(20260101)
GIVEN = """Maria James Fatima Robert Linda Ahmed Susan Carlos Priya Thomas Emily Hiroshi Elena Omar
Grace Peter Yolanda Kevin Aisha Martin Olga Samuel Ingrid Victor Ruth Jamal""".split()
RARE_GIVEN = "Thandiwe Bjarne Xiomara Oluwaseun Ksenia Taavi Nerys Ixchel".split()
SURNAME = """Lopez Smith Okafor Nguyen Patel Kowalski Johnson Garcia Murphy Tanaka Haddad Brown Khan
Novak Silva Jensen Walker Ivanova Cohen Adeyemi Torres Larsson Young Baker""".split()
CITY = [("Springfield", "IL"), ("Boston", "MA"), ("Tucson", "AZ"), ("Dayton", "OH"), ("Fresno", "CA"),
        ("Tampa", "FL"), ("Buffalo", "NY"), ("Eugene", "OR"), ("Chicago", "IL"), ("Seattle", "WA")]
TOWN = "Kettlewell Ashford Brightwater Milltown Harrogate Oakdale Riverton Stowbridge".split()
STREET = ["Oak Street", "Elm Ave", "Maple Drive", "Park Road", "5th Avenue", "Church Lane", "Hillcrest Blvd",
          "Old Mill Court", "St. Clair Place", "Washington St"]
MONTH = """January February March April May June July August September October November
December""".split()


def digits(n):
    return "".join(rng.choice("0123456789") for _ in range(n))


def letters(n):
    return "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(n))


def vin():
    body = [rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(17)]
    values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789"))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    rest = sum(w * int(values.get(c, c)) for w, c in zip(weights, body)) % 11
    body[8] = "X" if rest == 10 else str(rest)
    return "".join(body)


def given():
    return rng.choice(GIVEN if rng.random() < 0.8 else RARE_GIVEN)


def date(half):
    y, m, d = rng.randint(1935, 2025), rng.randint(1, 12), rng.randint(1, 28)
    first = [f"{m}/{d}/{y}", f"{m:02}/{d:02}/{y % 100:02}", f"{y}-{m:02}-{d:02}", f"{MONTH[m - 1]} {d}, {y}",
             f"{d} {MONTH[m - 1]} {y}", f"{MONTH[m - 1]} {d}", f"{MONTH[m - 1]} {y}"]
    second = [f"{d:02}.{m:02}.{y}", f"{d}-{MONTH[m - 1][:3]}-{y}", f"{MONTH[m - 1][:3]} {d}, {y}",
              f"the {d}th of {MONTH[m - 1]}"[4:], f"{MONTH[m - 1][:3].upper()} {d} {y}", f"{m}-{d}-{y}",
              f"{d}/{m}/{y % 100:02}", f"{m}/{y}"]
    return rng.choice(first if half == 1 else second)


def telephone(half):
    tail = f"01{digits(2)}"
    first = [f"(617) 555-{tail}", f"617-555-{tail}", f"617.555.{tail}", f"+1 617 555 {tail}"]
    second = [f"1-312-555-{tail}", f"312 555 {tail}", f"+44 20 7946 0{digits(3)}", f"312-555-{tail} ext. {digits(3)}",
              f"07700 900{digits(3)}"]
    return rng.choice(first if half == 1 else second)


VALUES = {
    "full": lambda h: ("name", f"{given()} {rng.choice(SURNAME)}"),
    "given": lambda h: ("name", given()),
    "surname": lambda h: ("name", rng.choice(SURNAME)),
    "reversed": lambda h: ("name", f"{rng.choice(SURNAME)}, {given()}".upper()),
    "initials": lambda h: ("name", f"{rng.choice('ABDEHJKLMRST')}. {rng.choice(SURNAME)}"),
    "street": lambda h: ("place", f"{rng.randint(1, 9999)} {rng.choice(STREET)}"),
    "city": lambda h: ("place", rng.choice(CITY)[0]),
    "citystate": lambda h: ("place", "{}, {} {}".format(*rng.choice(CITY), digits(5))),
    "town": lambda h: ("place", rng.choice(TOWN)),
    "zip": lambda h: ("place", digits(5)),
    "postcode": lambda h: ("place", f"{rng.choice(['LS', 'M', 'EH', 'SW'])}{rng.randint(1, 19)} {rng.randint(1, 9)}AB"),
    "county": lambda h: ("place", f"{rng.choice(TOWN)} County"),
    "date": lambda h: ("date", date(h)),
    "age": lambda h: ("date", str(rng.randint(90, 104))),
    "tel": lambda h: ("telephone", telephone(h)),
    "fax": lambda h: ("fax", telephone(h)),
    "email": lambda h: ("email", f"{given().lower()}.{rng.choice(SURNAME).lower()}@example.{rng.choice(['com', 'org'])}"),
    "ssn": lambda h: ("ssn", f"9{digits(2)}-{digits(2)}-{digits(4)}"),
    "ssn4": lambda h: ("ssn", digits(4)),
    "ssn9": lambda h: ("ssn", "9" + digits(8)),
    "mrn": lambda h: ("record-number", rng.choice([digits(7), digits(8), letters(1) + digits(6), f"{digits(3)}-{digits(4)}"])),
    "plan": lambda h: ("plan-number", rng.choice([letters(3) + digits(9), digits(10), letters(1) + digits(8)])),
    "acct": lambda h: ("account", rng.choice([digits(8), digits(10), f"{digits(4)}-{digits(5)}"])),
    "licence": lambda h: ("licence", rng.choice([letters(1) + digits(7), digits(8), letters(2) + digits(6)])),
    "vin": lambda h: ("vehicle", vin()),
    "plate": lambda h: ("vehicle", rng.choice([letters(3) + " " + digits(4), letters(3) + digits(3), digits(1) + letters(3) + digits(3)])),
    "serial": lambda h: ("device", rng.choice([letters(2) + digits(7), f"{letters(3)}-{digits(5)}", digits(9)])),
    "mac": lambda h: ("device", ":".join(f"{rng.randint(0, 255):02x}" for _ in range(6))),
    "url": lambda h: ("url", rng.choice(["https://www.example.com/u/", "http://example.org/p?id=", "www.example.net/~"]) + digits(5)),
    "ip4": lambda h: ("ip-address", rng.choice(["192.0.2.", "198.51.100.", "203.0.113."]) + str(rng.randint(1, 254))),
    "ip6": lambda h: ("ip-address", f"2001:db8:85a3::{digits(4)}:{digits(3)}"),
    "bio": lambda h: ("biometric", rng.choice(["fingerprint ID ", "voiceprint template ", "retinal scan no. ", "iris scan ID "]) + letters(2) + "-" + digits(5)),
    "photo": lambda h: ("photo", rng.choice(["IMG_", "face-", "patient_", "DSC"]) + digits(4) + rng.choice([".jpg", ".png", ".JPG", ".heic"])),
    "other": lambda h: ("other-number", rng.choice([digits(6), letters(2) + "-" + digits(5), f"{digits(2)}-{digits(4)}"])),
}

# Of the first half.
FIRST = """
Mr. {surname} is a 54-year-old man with chest pain.
{full} presented to the clinic with a three-day history of cough.
Dr. {surname} reviewed the ECG and agreed with the plan.
Patient: {full}
My name is {full} and I have had a headache since {date}.
Her daughter {given} says that she has been confused.
Referred by Dr. {full} for evaluation of anaemia.
Dictated by {initials}, MD.
{reversed} was seen in follow-up.
{given} reports that the pain is worse at night.
She lives at {street} with her husband.
Address: {street}, {citystate}.
He lives in {town} and works as a welder.
She was transferred from {city} by ambulance.
Zip code {zip}, lives alone.
The outbreak was limited to {county}.
Admitted on {date} with fever and rigors.
DOB: {date}. Allergic to penicillin.
Symptoms began on {date} after a meal.
The patient is a {age} year old woman with a hip fracture.
A {age}-year-old man fell at home.
Please call {tel} with the results.
Phone: {tel}
You can reach her son at {tel}.
Fax: {fax}
Please fax the records to {fax}.
Email {email} to book the appointment.
She asks for results at {email}.
SSN: {ssn}
Social security number {ssn9} is on the form.
His SSN is {ssn}.
MRN: {mrn}
Medical record number {mrn} was merged.
MRN {mrn}, seen in urgent care for a sprain.
Policy number {plan} was active.
Member ID: {plan}
Insurance ID {plan} was rejected.
Account number {acct} is overdue.
Acct #{acct}
Patient account: {acct}
Driver's license {licence} was copied.
License number: {licence}
DEA number {licence} is on the prescription.
VIN {vin}
License plate {plate} was noted by the paramedics.
The car, license plate {plate}, struck a tree.
Pacemaker serial number {serial}.
Device serial: {serial}
S/N {serial}, battery replaced.
The monitor had the address {mac}.
See {url} for her blog about it.
Photos are at {url} for review.
The portal was opened from {ip4}.
Login from IP {ip6} was blocked.
Consent was signed with {bio}.
The door opens with {bio} only.
The rash is shown in {photo} and improves.
See attached {photo}
Case number {other} was assigned.
Specimen ID: {other}
Accession number {other}, final report.
Study ID {other} completed week 12.
"""
NONE_FIRST = """
BP was 120/80 and heart rate 95.
Take 5 mg of amlodipine daily.
May have a mild fever after the vaccine.
Will report any change in vision.
There is a disc bulge at T4-5 without cord compression.
Strength is 4/5 in the left leg.
Pain is 7/10 and worse with movement.
HbA1c 7.2 %, LDL 130 mg/dL, TSH 2.1.
A 45-year-old woman has had a cough for 3 weeks.
Mark the site before surgery.
Wilson disease was ruled out by ceruloplasmin.
Lisinopril 10 mg, metformin 500 mg twice a day.
She was given 2 L of saline over 4 hours.
Since 2015 he has had asthma.
The rash started two weeks ago on both arms.
My urine looks like cola and I had a sore throat.
A Baker cyst was seen behind the right knee.
Hodgkin lymphoma, stage IIB, was diagnosed in 2018.
Hope to discharge home soon if eating well.
Grade 2/6 systolic murmur at the apex.
SpO2 98 % on room air, temperature 101.2 F.
Rate 1-2 tablets every 4-6 hours as needed.
The glucose was 110 and the sodium 138.
Vitamin B12 1000 mcg weekly for 4 weeks.
I feel dizzy when I stand up quickly.
Drew blood for culture before antibiotics.
Parkinson disease with tremor in the right hand.
Case reports describe a similar course.
PEEP 8, FiO2 0.4, tidal volume 450 mL.
Age 67, height 170 cm, weight 82 kg.
The Glasgow Coma Scale was 14 on arrival.
Rose bengal staining was positive.
Summer allergies are controlled with cetirizine.
The child weighs 12.5 kg and takes 250 mg.
Lot of bruising on both shins.
Blood group O positive, no transfusion reaction.
"""
# Of the second half.
SECOND = """
I saw Ms {surname} together with her sister this morning.
Thank you for seeing {full}, who has had palpitations.
Signed: {full}, RN
Pt name: {full}
Interviewed with husband {given} at the bedside.
cc: Dr {full}
Seen and examined with Prof. {surname}.
Hi, this is {given}, I think my knee is swollen again.
{full} (the patient's mother) gave consent.
Nurse {surname} changed the dressing.
Patient {reversed} was discharged in good condition.
Mrs {full} denies chest pain.
Home address is {street}, apt 4.
Retired teacher, resident of {town}.
Came by bus from {city} today.
Born in {town}, moved to {city} as a child.
Next of kin at {postcode}.
Lives near {citystate} on a farm.
He owns a farm in {county}.
Date of surgery: {date}
Last seen {date}, at which time she was well.
Follow-up scheduled for {date} in cardiology.
d.o.b. {date}, right-handed.
Mammogram of {date} was normal.
92M-like frailty: aged {age}, walks with a frame.
She turned {age}, and still lives alone.
Pleasant {age} yo female, alert.
Her cell is {tel}.
Tel {tel} (evenings).
Left a voicemail at {tel} this afternoon.
If worse, ring me on {tel}.
F: {fax} (fax)
Sent by fax, {fax}, at noon.
Fax no. {fax}, attention records.
Contact by e-mail: {email}.
He writes from {email} most days.
ss# {ssn}
Last four of social security {ssn4}.
Verified identity with social security no. {ssn}.
Chart no. {mrn} requested from storage.
Hosp. record, MRN#{mrn}.
NHS number {mrn} confirmed at check-in.
Patient ID {mrn} was scanned.
Insured under group no. {plan}.
Subscriber number is {plan}.
Medicare {plan} is primary.
Bill to account no. {acct}.
Her bank account {acct} was debited.
Paid by card no. {acct} at the desk.
Passport no. {licence} shown at registration.
Holds nursing licence {licence}.
NPI: {licence}
Vehicle identification number {vin} was on the claim.
He drove a truck with plate {plate}.
Reg. plate {plate}, found at the scene.
Implanted valve, serial no. {serial}.
Insulin pump SN: {serial}
CPAP machine with serial {serial} recalled.
Infusion pump on the network as {mac}.
Her page {url} has the whole story.
Posted on {url} last week.
Telehealth session came from {ip4} this time.
Address {ip6} appears in the audit log.
Enrolled by {bio} at the front desk.
Unlocked with {bio} twice.
Uploaded {photo} to the chart.
Image file {photo} shows the swelling of the face.
Claim no. {other} was denied.
Participant number {other} withdrew.
Employee ID {other}, needle-stick injury.
Referral no. {other} expires soon.
"""
NONE_SECOND = """
Vitals: 98.6, 72, 16, 118/76, 99 % RA.
Will start on heparin per protocol.
May repeat the dose in 15 minutes.
L4-L5 and L5-S1 discs are degenerate.
Reflexes 2/4 throughout, power 5/5.
Warfarin 2.5 mg alternating with 5 mg; INR 2.3.
Sodium 139, potassium 4.1, creatinine 0.9.
Turner syndrome and Graves disease were excluded.
Allen test normal, Homan sign negative.
T2N1M0 carcinoma of the left breast.
No Murphy sign, no guarding, bowel sounds present.
Patient reports itching between the toes.
Doctor said to rest for 2 to 3 days.
He smoked 20 cigarettes a day for 30 years.
Since last winter I get short of breath on stairs.
Ejection fraction 55-60 %, no regional changes.
Denies fever, chills, night sweats or weight loss.
Bell palsy of the left side, improving.
Amoxicillin 875/125 mg by mouth twice daily.
Platelets 150,000, hemoglobin 9.8, WBC 12.4.
Sitting 130/85, standing 110/70.
Foley catheter drained 400 mL of clear urine.
Pap smear in 2019 was normal.
Grant funding supports the trial of a vaccine.
Home oxygen at 2 L/min by nasal cannula.
Call the office if the redness spreads.
Ages 65 and over should have a dual scan.
Chest pain scored 8 out of 10, radiating to the jaw.
Fundal height 32 cm at 32 weeks, G2P1.
CD4 count 350 and viral load undetectable.
Ringer lactate 500 mL bolus given.
Iris and pupil normal in both eyes.
Joy in daily activities is reduced, PHQ-9 14.
Seen in clinic 3 times for the same complaint.
Gene panel showed a variant of unknown meaning.
Dual therapy for 14 days, then recheck at 6 weeks.
"""


def lines(block):
    return [line for line in block.strip().split("\n") if line]


def sentence(template, half):
    text, found = "", []
    for part in re.split(r"(\{\w+\})", template):
        if not part.startswith("{"):
            text += part
            continue
        kind, value = VALUES[part[1:-1]](half)
        found.append({"class": kind, "column": len(text) + 1, "length": len(value)})
        text += value
    return {"half": half, "text": text, "found": found}


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for half, with_some, with_none in ((1, FIRST, NONE_FIRST), (2, SECOND, NONE_SECOND)):
        bearing, plain = lines(with_some), lines(with_none)
        for i in range(count // 2):
            # Two of three bear an identifier; every template has its turn.
            template = plain[i // 3 % len(plain)] if i % 3 == 2 else bearing[(i - i // 3) % len(bearing)]
            print(json.dumps(sentence(template, half), ensure_ascii=False))


main()
