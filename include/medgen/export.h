// Marks what libmedgen exports; all else stays inside it.
#pragma once

#define MEDGEN_API __attribute__((visibility("default")))
