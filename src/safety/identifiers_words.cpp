// The lists behind identifiers_names.h. They are short on purpose: common names only, since a rare
// one is found by what stands beside it. All in lower case, which is how words are looked up.
#include "safety/identifiers_words.h"

namespace medgen::safety {
namespace {

// Of a list with commas.
WordSet words_of(std::string_view list) {
  WordSet words;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    words.insert(list.substr(0, comma));
    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
  }
  return words;
}

}  // namespace

const WordSet& given_names() {
  static const WordSet kWords = words_of(
      "aaron,abigail,adam,adrian,agnes,ahmed,aisha,alan,albert,alejandro,alex,alexandra,"
      "ali,alice,alicia,allison,amanda,amina,amy,andrea,andrew,angela,anita,ann,"
      "anna,anne,annie,anthony,antonio,arjun,arthur,ashley,barbara,beatrice,benjamin,"
      "bernard,beth,betty,beverly,brandon,brenda,brian,bridget,bruce,bryan,carl,carla,"
      "carlos,carmen,carol,caroline,catherine,cathy,cecilia,charles,cheryl,chloe,christina,"
      "christine,christopher,cindy,claire,clara,colin,connie,craig,crystal,cynthia,daniel,"
      "danielle,darren,david,deborah,debra,denise,dennis,derek,diana,diane,diego,dolores,"
      "donald,donna,doris,dorothy,douglas,duncan,dylan,edith,eduardo,edward,edwin,eileen,"
      "elaine,eleanor,elena,elizabeth,ella,ellen,elsie,emily,emma,eric,erica,erin,ernest,"
      "esther,ethan,ethel,eugene,evelyn,fatima,felipe,fernando,fiona,frances,francesca,"
      "francisco,gabriel,gabriela,gail,gary,geoffrey,george,gerald,gladys,gloria,gordon,"
      "graham,gregory,gwen,hannah,harold,harriet,harry,hassan,heather,hector,helen,henry,"
      "hiroshi,howard,hugo,ian,ibrahim,ingrid,irene,isaac,isabel,isabella,ivan,jacob,"
      "jacqueline,jamal,james,jamie,jane,janet,janice,jasmine,jason,javier,jean,jeffrey,"
      "jennifer,jeremy,jerome,jesse,jessica,jill,jim,joan,joanna,joanne,john,johnny,"
      "jonathan,jorge,jose,joseph,joshua,josé,juan,juanita,judith,judy,julia,julian,julie,"
      "justin,karen,katherine,kathleen,kathryn,kathy,katie,keisha,keith,kenneth,kevin,"
      "kimberly,kumar,kyle,larry,laura,lauren,lawrence,leah,leila,leonard,leslie,lillian,"
      "linda,lisa,logan,lois,lorraine,louis,louise,lucas,lucia,lucy,luis,luke,lydia,lynn,"
      "mabel,madison,malcolm,manuel,marcus,margaret,maria,mario,marion,marjorie,martha,"
      "martin,mary,matthew,maureen,megan,mei,mercedes,michael,michelle,miguel,mildred,"
      "mohamed,mohammed,monica,muhammad,nancy,naomi,natalie,nathan,nicholas,nicole,nigel,"
      "nina,noah,nora,norma,norman,olga,oliver,olivia,omar,oscar,pablo,pamela,patricia,"
      "patrick,paul,paula,pauline,pedro,peggy,peter,philip,phillip,phyllis,priya,rachel,"
      "rafael,rajesh,ralph,ramon,raymond,rebecca,ricardo,richard,rita,robert,roberta,roger,"
      "ronald,rosa,rosemary,roy,ruth,ryan,samantha,samuel,sandra,sanjay,sarah,scott,sean,"
      "sergio,sharon,sheila,shirley,simon,sofia,sophia,sophie,stella,stephanie,stephen,"
      "steven,stuart,susan,suzanne,sylvia,tamara,tanya,teresa,terry,theodore,theresa,"
      "thomas,tiffany,timothy,tina,todd,tony,tracy,tyler,ursula,valerie,vanessa,vera,"
      "veronica,vicky,vincent,vivian,walter,wanda,wayne,wendy,william,xavier,yolanda,yusuf,"
      "yvonne,zachary,zoe");
  return kWords;
}

const WordSet& ambiguous_given_names() {
  static const WordSet kWords = words_of(
      "amelia,alexander,amber,ana,angel,april,art,august,austin,ben,bill,bob,brad,carolina,"
      "charlotte,chase,chelsea,christian,chuck,cliff,dale,dallas,dan,dave,dawn,dean,don,"
      "drew,earl,eve,faith,florence,frank,fred,gene,georgia,ginger,grace,grant,guy,hazel,"
      "heidi,holly,hope,hunter,iris,ivy,jack,jay,jerry,jesus,joe,jordan,joy,june,kay,ken,"
      "kim,lance,lee,leo,li,lily,marie,mark,mason,max,may,melody,mike,miles,nick,olive,"
      "paige,pat,pearl,penny,ray,rich,rob,robin,ron,rose,ruby,rusty,sam,sandy,santiago,"
      "sierra,skip,sky,steve,sue,summer,sydney,ted,tom,victor,victoria,violet,virginia,"
      "ward,wei,will,willow");
  return kWords;
}

const WordSet& surnames() {
  static const WordSet kWords = words_of(
      "adams,aguilar,ahmed,alexander,ali,allen,alvarez,anderson,andrews,armstrong,arnold,"
      "bailey,baker,barnes,bennett,black,boyd,bradley,brooks,brown,bryant,burns,butler,"
      "campbell,carpenter,carroll,carter,castillo,castro,chang,chavez,chen,chopra,clark,"
      "cohen,cole,coleman,collins,cook,cooper,cox,crawford,cruz,cunningham,daniels,davies,"
      "davis,delgado,diaz,dixon,duncan,dunn,edwards,elliott,ellis,evans,ferguson,fernandez,"
      "fisher,flores,ford,foster,fox,freeman,garcia,garcía,gardner,george,gibson,gomez,"
      "gonzales,gonzalez,gordon,graham,grant,gray,green,griffin,gupta,gutierrez,hall,"
      "hamilton,harper,harris,harrison,hart,hassan,hayes,henderson,henry,hernandez,herrera,"
      "hicks,hill,holmes,howard,hughes,hunt,hunter,hussain,ibrahim,ivanov,jackson,james,"
      "jenkins,jimenez,johnson,johnston,jones,jordan,kaur,kelly,kennedy,khan,kim,king,"
      "knight,kowalski,kumar,lawson,lee,lewis,liu,long,lopez,macdonald,marshall,martin,"
      "martinez,mason,matthews,mcdonald,medina,mehta,mendoza,miller,mills,mitchell,mohamed,"
      "moore,morales,moreno,morgan,morris,morrison,murphy,murray,myers,nakamura,nelson,"
      "nguyen,nichols,novak,o'brien,o'connor,o'neill,olson,ortiz,owens,palmer,park,parker,"
      "patel,patterson,payne,perez,perkins,perry,peters,peterson,phillips,pierce,porter,"
      "powell,price,ramirez,ramos,reed,reyes,reynolds,rice,richards,richardson,riley,"
      "rivera,roberts,robertson,robinson,rodriguez,rogers,romero,ross,ruiz,russell,ryan,"
      "salazar,sanchez,sanders,sandoval,santos,schmidt,schneider,schwartz,scott,shah,"
      "sharma,shaw,silva,simmons,simpson,singh,smith,snyder,soto,spencer,stephens,stevens,"
      "stewart,stone,sullivan,suzuki,tanaka,taylor,thomas,thompson,torres,tran,tucker,"
      "turner,vargas,vasquez,wagner,walker,wallace,walsh,wang,warren,washington,watkins,"
      "watson,weaver,webb,weber,wells,west,white,williams,williamson,wilson,wong,wood,"
      "woods,wright,wu,yamamoto,yang,young,zhang,zhao");
  return kWords;
}

const WordSet& plain_words() {
  static const WordSet kWords = words_of(
      "dr,mr,mrs,ms,mx,prof,miss,yeah,yep,nope,ok,okay,um,uh,huh,oh,hmm,sure,alright,well,hi,hello,"
      "hey,right,perfect,great,"
      "good,"
      "a,about,after,age,all,allergies,also,am,an,anaesthetist,and,anesthetist,any,appears,"
      "april,are,as,assessment,assistant,at,attending,august,bc,because,before,blood,but,"
      "by,can,care,chief,christmas,clinic,clinical,complains,consultant,copd,could,covid,"
      "ct,date,daughter,december,denies,department,diagnosis,did,died,discharge,do,doctor,"
      "does,easter,ecg,ed,educator,ekg,emergency,english,er,exam,examination,family,father,"
      "february,female,follow,for,friday,from,general,god,gp,had,has,have,he,health,her,"
      "his,history,hiv,home,hospital,how,husband,i,icu,if,in,internet,is,it,january,july,"
      "june,khz,lab,left,line,male,manager,march,may,md,me,medical,medication,medications,"
      "monday,mother,mri,my,name,neck,need,new,no,none,not,notes,november,now,nurse,"
      "october,of,office,on,one,onset,or,our,pain,patient,patients,physician,plan,please,"
      "practitioner,presents,primary,private,procedure,progress,reason,referral,registered,"
      "reports,review,right,said,saturday,says,see,september,service,she,should,sir,so,"
      "some,son,specialist,states,station,still,sunday,surgery,symptoms,team,term,test,"
      "thank,that,the,their,then,there,these,they,this,thursday,to,today,told,tuesday,type,"
      "unit,unknown,us,uti,visit,was,we,wednesday,were,what,when,where,which,who,why,wife,"
      "will,with,would,yes,you,your");
  return kWords;
}

const WordSet& eponym_nouns() {
  static const WordSet kWords = words_of(
      "apple,area,allergy,grass,angina,antigen,bodies,body,catheter,cell,cells,center,centre,clamp,"
      "classification,"
      "clinic,college,contracture,criteria,cyst,disease,disorder,drain,fever,forceps,"
      "foundation,fracture,hernia,hospital,index,institute,law,lymphoma,maneuver,manoeuvre,"
      "medical,method,murmur,node,nodes,operation,palsy,paralysis,phenomenon,point,"
      "position,procedure,reflex,ring,rule,sarcoma,scale,school,score,sign,splint,stage,"
      "staging,stain,syndrome,test,thyroiditis,triad,tube,tumor,tumour,ulcer,university,"
      "virus,wort");
  return kWords;
}

const WordSet& large_cities() {
  static const WordSet kWords = words_of(
      "albuquerque,amsterdam,anchorage,atlanta,baltimore,bangkok,barcelona,beijing,belfast,"
      "berlin,birmingham,boise,boston,bristol,brooklyn,brussels,buffalo,cairo,cardiff,"
      "chennai,chicago,cincinnati,cleveland,columbus,copenhagen,dallas,delhi,denver,"
      "detroit,dhaka,dublin,edinburgh,fresno,glasgow,hamburg,honolulu,houston,indianapolis,"
      "istanbul,jakarta,johannesburg,kansas city,karachi,lagos,lahore,las vegas,leeds,lima,"
      "lisbon,liverpool,london,los angeles,louisville,madrid,manchester,manila,melbourne,"
      "memphis,mexico city,miami,milwaukee,minneapolis,montreal,moscow,mumbai,munich,"
      "nairobi,nashville,new orleans,new york,new york city,nottingham,oakland,omaha,"
      "orlando,osaka,oslo,ottawa,paris,philadelphia,phoenix,pittsburgh,portland,prague,"
      "raleigh,rome,sacramento,salt lake,san antonio,san diego,san francisco,san jose,"
      "seattle,seoul,shanghai,sheffield,singapore,spokane,st louis,stockholm,sydney,tampa,"
      "tokyo,toledo,toronto,tucson,tulsa,vancouver,vienna,warsaw,wichita,zurich");
  return kWords;
}

const WordSet& large_regions() {
  static const WordSet kWords = words_of(
      "angola,lebanon,liberia,zambia,zimbabwe,malawi,cameroon,rwanda,ecuador,bolivia,venezuela,"
      "honduras,el salvador,jordan,yemen,sri lanka,myanmar,cambodia,afghanistan,"
      "africa,alabama,alaska,america,argentina,arizona,arkansas,asia,australia,austria,"
      "bangladesh,belgium,brazil,britain,california,canada,central america,chile,china,"
      "colombia,colorado,connecticut,cuba,delaware,denmark,egypt,england,ethiopia,europe,"
      "finland,florida,france,georgia,germany,ghana,greece,guatemala,haiti,hawaii,hungary,"
      "idaho,illinois,india,indiana,indonesia,iowa,iran,iraq,ireland,israel,italy,jamaica,"
      "japan,kansas,kentucky,kenya,korea,louisiana,maine,malaysia,maryland,massachusetts,"
      "mexico,michigan,minnesota,mississippi,missouri,montana,morocco,nebraska,nepal,"
      "netherlands,nevada,new england,new hampshire,new jersey,new mexico,new zealand,"
      "nigeria,north africa,north america,north carolina,north dakota,northern ireland,"
      "norway,ohio,oklahoma,oregon,pakistan,pennsylvania,peru,philippines,poland,portugal,"
      "puerto rico,rhode island,romania,russia,saudi arabia,scotland,somalia,south africa,"
      "south america,south asia,south carolina,south dakota,south korea,southeast asia,"
      "spain,sudan,sweden,switzerland,syria,taiwan,tanzania,tennessee,texas,thailand,"
      "turkey,uganda,uk,ukraine,united kingdom,united states,usa,utah,vermont,vietnam,"
      "virginia,wales,washington state,west africa,west virginia,wisconsin,wyoming");
  return kWords;
}

}  // namespace medgen::safety
